"""The wheel and the zip for `--py-files`: complete, the same bytes every time, and usable away from the checkout."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "planner").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
)
ASSETS = [name for name in PACKAGE if "/assets/" in name]


def write_zip(checkout: Path, target: Path) -> bytes:
    """Write the zip as `make zip` does."""
    subprocess.run(
        [sys.executable, str(checkout / "conf" / "package.py"), str(target)], check=True, capture_output=True
    )
    return target.read_bytes()


def away(code: str, first_on_path: Path, home: Path) -> str:
    """Run code in a Python that finds the package in one place and not in this checkout."""
    home.mkdir(exist_ok=True)
    prelude = (
        f"import sys; sys.path[:] = [{str(first_on_path)!r}] + [p for p in sys.path if p not in ('', {str(ROOT)!r})]\n"
    )
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"HOME": str(home)}
    command = [sys.executable, "-c", prelude + code]
    said = subprocess.run(command, cwd=home, env=bare, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return said.stdout


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("zip") / "planner.zip"
    write_zip(ROOT, target)
    return target


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(ROOT)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_zip_holds_the_package_and_nothing_else(zipped: Path) -> None:
    with zipfile.ZipFile(zipped) as archive:
        assert archive.namelist() == PACKAGE
    assert "planner/py.typed" in PACKAGE
    assert ASSETS


def test_the_zip_is_the_same_bytes_whenever_and_wherever_it_is_written(zipped: Path, tmp_path: Path) -> None:
    other = tmp_path / "another checkout"
    shutil.copytree(ROOT / "planner", other / "planner", copy_function=shutil.copyfile)  # new times, new modes
    (other / "planner" / "__pycache__").mkdir(exist_ok=True)
    (other / "planner" / "__pycache__" / "leftover.pyc").write_bytes(b"of one machine")
    shutil.copytree(ROOT / "conf", other / "conf")
    assert write_zip(other, tmp_path / "other.zip") == zipped.read_bytes()


def test_every_module_imports_from_the_zip(zipped: Path, tmp_path: Path) -> None:
    code = """
import importlib, pkgutil, planner
found = ["planner"] + [module.name for module in pkgutil.walk_packages(planner.__path__, "planner.")]
for name in found:
    module = importlib.import_module(name)
    assert ".zip/" in module.__file__, module.__file__
print(*found)
"""
    expected = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in PACKAGE]
    expected = [name for name, path in zip(expected, PACKAGE, strict=True) if path.endswith(".py")]
    assert sorted(away(code, zipped, tmp_path / "home").split()) == sorted(expected)


def test_assets_are_read_from_the_zip(zipped: Path, tmp_path: Path) -> None:
    code = f"""
import hashlib
from importlib.resources import files
for name in {ASSETS!r}:
    folder, _, rest = name.partition("/")
    print(hashlib.sha256(files(folder).joinpath(rest).read_bytes()).hexdigest())
"""
    expected = [hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in ASSETS]
    assert away(code, zipped, tmp_path / "home").split() == expected


@pytest.mark.parametrize("home", ["home", "/dev/null"], ids=["with a home", "without a home"])
def test_compiled_code_runs_from_the_zip(zipped: Path, tmp_path: Path, home: str) -> None:
    code = f"""
import os
os.environ["HOME"] = {str(tmp_path / home)!r}
from planner.model import GraphBuilder
builder = GraphBuilder()
first = builder.add(int, "3", id="first")
builder.add(abs, first, id="second")
print(builder.build().order.tolist())
"""
    assert away(code, zipped, tmp_path / "home").strip() == "[0, 1]"


def test_the_wheel_holds_the_package_its_licence_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name for name in names if name.endswith(".dist-info/METADATA")).rpartition("/")[0]
        metadata = archive.read(f"{info}/METADATA").decode()
        commands = archive.read(f"{info}/entry_points.txt").decode()
    assert sorted(name for name in names if not name.startswith(info)) == PACKAGE
    assert f"{info}/licenses/LICENSE" in names
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert "Requires-Dist: pyspark<5,>=4.1\n" in metadata
    assert "Requires-Dist: pandas<3," in metadata
    assert commands.split() == ["[console_scripts]", "planner", "=", "planner.cli:main"]


MODULES = {"pillow": "PIL", "scikit-learn": "sklearn"}
"""What packages are imported as, where that is not their name."""


def test_everything_that_is_imported_is_declared_and_the_other_way_round() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    beside = ("test", "bench", "docs", "notebook", "torch", "tensorflow")  # run beside the package, not by it
    extras = {name: of for name, of in project["optional-dependencies"].items() if name not in beside}
    wanted = [*project["dependencies"], *itertools.chain(*extras.values())]
    declared = {re.match(r"[\w-]+", line)[0] for line in wanted}  # type: ignore[index]
    declared = {MODULES.get(name, name) for name in declared}
    imported = set()
    for path in (ROOT / name for name in PACKAGE if name.endswith(".py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "extra":
                module, name = (ast.literal_eval(value) for value in node.args[:2])
                imported.add(module.partition(".")[0])
                assert any(line.startswith(module.partition(".")[0]) for line in extras[name])
    # py4j comes with PySpark.
    assert imported - set(sys.stdlib_module_names) - {"planner", "py4j"} == declared


def test_what_was_installed_is_what_pyproject_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        installed = importlib.metadata.version(project["name"])
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is on the path, but not installed")
    assert installed == project["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {project['version']}" in changes
