"""The set-up: which Java it takes, which pip it fetches, and that it says in one line what stands in the way."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """Load conf/bootstrap.py as a module that works on an empty folder and knows none of this machine's settings."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "conf" / "bootstrap.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in [name for name in os.environ if name.startswith("PIP_")] + ["JAVA_HOME"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    return module


def java(home: Path, release: str | None, says: str = "") -> Path:
    """Make a folder that looks like a Java runtime."""
    (home / "bin").mkdir(parents=True)
    program = home / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    if release is not None:
        (home / "release").write_text(release)
    return home


@pytest.mark.parametrize(
    ("release", "says", "version"),
    [
        ('JAVA_VERSION="17.0.15"\nMODULES="java.base jdk.incubator.vector"\n', "", 17),
        ('JAVA_VERSION="21"\n', "", 21),
        ('JAVA_VERSION="1.8.0_402"\n', "", 8),
        ('JAVA_VERSION="17.0.2"\nMODULES="java.base java.sql"\n', "", 0),
        (None, 'openjdk version "25.0.1" 2025-10-21', 25),
        (None, 'java version "1.8.0_311"', 8),
        (None, "Segmentation fault", 0),
    ],
)
def test_java_version(bootstrap: ModuleType, tmp_path: Path, release: str | None, says: str, version: int) -> None:
    assert bootstrap.java_version(java(tmp_path / "a java", release, says)) == version


def test_java_home_comes_first_and_an_old_one_is_passed_over(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = java(tmp_path / "java 8", 'JAVA_VERSION="1.8.0_402"\n')
    on_path = java(tmp_path / "java 17", 'JAVA_VERSION="17.0.1"\n')
    chosen = java(tmp_path / "java 21", 'JAVA_VERSION="21.0.1"\n')
    monkeypatch.setenv("PATH", str(on_path / "bin"))
    monkeypatch.setenv("JAVA_HOME", str(chosen))
    assert bootstrap.find_java() == chosen
    monkeypatch.setenv("JAVA_HOME", str(old))
    assert bootstrap.find_java() == on_path


def test_without_java_and_without_leave_to_install_it_one_line_says_what_to_type(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "find_java", lambda: None)
    monkeypatch.setattr(bootstrap, "as_root", lambda: None)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda tool: tool if tool == "apt-get" else None)
    with pytest.raises(SystemExit) as stopped:
        bootstrap.install_system_packages(java=True, browser=False)
    said = str(stopped.value)
    assert "\n" not in said
    assert said.endswith("type: sudo apt-get install openjdk-17-jre-headless")


def test_a_browser_that_cannot_be_had_stops_nothing(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "as_root", lambda: None)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda tool: None)
    for _ in range(2):
        bootstrap.install_system_packages(java=False, browser=True)
        assert "browser tests will be skipped: no Chromium here" in capsys.readouterr().err


def test_pip_is_taken_from_the_index_that_pip_would_ask(bootstrap: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "index" / "pip"
    folder.mkdir(parents=True)
    old, new = folder / "pip-9.0-py3-none-any.whl", folder / "pip-24.1-py3-none-any.whl"
    for wheel in (old, new):
        wheel.write_bytes(wheel.name.encode())
    links = "".join(
        f'<a href="{name}">{name}</a>'
        for name in (new.name, old.name, "pip-25.0b1-py3-none-any.whl", "pip-26.0.tar.gz")
    )
    (folder / "index.html").write_text(links)
    config = tmp_path / "home" / ".config" / "pip"
    config.mkdir(parents=True)
    (config / "pip.conf").write_text(f"[global]\nindex-url = {folder.parent.as_uri()}\n")
    bootstrap.VENV.mkdir()
    # A file index has no directory pages, so the page itself is named.
    page = folder.as_uri() + "/index.html"
    assert bootstrap.index_page() == folder.as_uri() + "/"
    bootstrap.index_page = lambda: page
    assert bootstrap.fetch_pip().read_bytes() == new.name.encode()


def test_a_damaged_pip_is_refused(bootstrap: ModuleType, tmp_path: Path) -> None:
    wheel = tmp_path / "pip-24.1-py3-none-any.whl"
    wheel.write_bytes(b"damaged")
    page = tmp_path / "index.html"
    page.write_text(f'<a href="{wheel.as_uri()}#sha256={"0" * 64}">pip</a>')
    bootstrap.VENV.mkdir()
    bootstrap.index_page = page.as_uri
    with pytest.raises(SystemExit, match="arrived damaged"):
        bootstrap.fetch_pip()


def test_an_index_that_cannot_be_reached_is_one_line_without_the_password(bootstrap: ModuleType) -> None:
    with pytest.raises(SystemExit) as stopped:
        bootstrap.open_url("http://user:secret@127.0.0.1:9/simple/pip/")
    said = str(stopped.value)
    assert "http://127.0.0.1:9/simple/pip/ cannot be reached" in said
    assert "secret" not in said and "\n" not in said


def test_the_environment_survives_a_shell_when_the_folder_has_a_space(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / "it's a folder" / ".venv"
    venv.mkdir(parents=True)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "ENV", venv / "env")
    bootstrap.write_env(tmp_path / "a java")
    script = '. "$1" && printf "%s\\n" "$JAVA_HOME" "$PYSPARK_PYTHON" "$SPARK_HOME" "$LC_ALL" "${PATH%%:*}"'
    shell = ["/bin/sh", "-c", script, "sh", str(venv / "env")]
    bare = {"PATH": "/usr/bin:/bin", "SPARK_HOME": "/opt/another-spark"}
    said = subprocess.run(shell, env=bare, capture_output=True, text=True, check=True)
    java_home, python, spark_home, locale, first_on_path = said.stdout.splitlines()
    assert java_home == str(tmp_path / "a java")
    assert python == str(venv / "bin" / "python")
    assert spark_home.startswith(str(venv)) and spark_home.endswith("/site-packages/pyspark")
    assert locale == "C.UTF-8"
    assert first_on_path == str(venv / "bin")


def test_a_complete_set_up_is_left_alone_and_any_change_renews_it(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    done: list[str] = []
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "PYTHON", bootstrap.VENV / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STAMP", bootstrap.VENV / "set-up.json")

    def make_venv() -> None:
        done.append("venv")
        (bootstrap.VENV / "bin").mkdir(parents=True, exist_ok=True)
        (bootstrap.VENV / "bin" / "python").touch()
        bootstrap.STAMP.unlink(missing_ok=True)

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        done.append(command[-1])
        return subprocess.CompletedProcess(command, 1 if "broken" in (tmp_path / "pyproject.toml").read_text() else 0)

    monkeypatch.setattr(bootstrap, "make_venv", make_venv)
    monkeypatch.setattr(bootstrap, "reach_index", lambda: None)
    monkeypatch.setattr(bootstrap.subprocess, "run", pip)

    def set_up(*extras: str) -> list[str]:
        done.clear()
        bootstrap.install_package(set(extras))
        return list(done)

    assert set_up() == ["venv", "."]
    assert set_up() == []
    assert set_up("test") == [".[test]"]
    assert set_up() == []
    (tmp_path / "pyproject.toml").write_text("[project]  # changed\n")
    assert set_up() == [".[test]"]
    (tmp_path / "pyproject.toml").write_text("[project]  # broken\n")
    with pytest.raises(SystemExit, match="pip could not install"):
        set_up()
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert set_up() == ["venv", "."], "what was interrupted is begun anew"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the Makefile with GNU make")
def test_make_says_what_it_can_do() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("make run")
    assert "make test" in said
