"""The example jobs: what is wrong with their words and files is said at once, before Spark starts.

They are asked in this process, which has imported all that they import.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scripts import scripted

JOBS = Path(__file__).resolve().parents[3] / "jobs"


def job(name: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a job without Java: it must not get as far."""
    return scripted(JOBS / name, *words, cwd=cwd)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("forecast.py", ["--sales FILE CSV or Parquet: store, article, day, sold, promotion", "--history DIR plan by"]),
        (
            "recommend.py",
            ["--ratings FILE CSV or Parquet: user, item, rating", "--most N keep at most"],
        ),
        ("images.py", ["--images DIR a folder of images", "--model FILE ONNX"]),
        ("language.py", ["--texts DIR .txt, .md, .rst", "--query TEXT what to be near to"]),
        ("train.py", ["--table FILE CSV or Parquet that all executors can read", "--curve train on 1, 2, … executors"]),
    ],
)
def test_help_tells_what_goes_in(name: str, told: list[str], tmp_path: Path) -> None:
    said = job(name, "--help", cwd=tmp_path)
    assert said.returncode == 0 and said.stderr == ""
    text = " ".join(said.stdout.split())
    assert text.startswith(f"usage: {name} [-h]")
    for words in told:
        assert words in text


def test_a_job_is_a_script(tmp_path: Path) -> None:
    """The tests with Spark start the other ones so."""
    command, env = [sys.executable, str(JOBS / "train.py"), "--help"], {"PATH": "/nowhere", "JAVA_HOME": "/nowhere"}
    said = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert said.returncode == 0 and said.stderr == "" and said.stdout.startswith("usage: train.py")


@pytest.mark.parametrize("name", ["forecast.py", "images.py", "language.py", "recommend.py", "train.py"])
def test_an_option_that_is_not_known_is_answered_with_the_nearest(name: str, tmp_path: Path) -> None:
    said = job(name, "--executor", "3", cwd=tmp_path)
    assert said.returncode == 2 and "Traceback" not in said.stderr
    assert "did you mean '--executors'?" in said.stderr


def test_forecast_says_everything_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    words = (
        "--executors",
        "0",
        "--slots",
        "many",
        "--stores",
        "0",
        "--days",
        "x",
        "--out",
        "full",
        "--sales",
        "none.csv",
    )
    said = job("forecast.py", *words, cwd=tmp_path)
    assert said.returncode == 2 and said.stdout == "" and "Traceback" not in said.stderr
    for named in ("--executors", "--slots", "--stores", "--days", "--out: full is there already"):
        assert named in said.stderr
    assert "--stores: is for generated sales, and --sales names a file" in said.stderr


def test_forecast_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    rows = ["a,1,2025-01-01,-3,true", "a,1,2025-01-01,4,true"]
    (tmp_path / "sales.csv").write_text("\n".join(["store,article,day,sold,promotion", *rows]))
    said = job("forecast.py", "--sales", "sales.csv", cwd=tmp_path)
    assert said.returncode == 2 and said.stdout == ""
    assert said.stderr.splitlines() == [
        "planner: sales.csv: sold: is negative (store a, article 1, day 2025-01-01, sold -3); expected 0 or more",
        "sales.csv: has an article twice on a day (store a, article 1, day 2025-01-01); expected one row",
    ]


def test_forecast_says_what_to_install(tmp_path: Path) -> None:
    path = str(JOBS / "forecast.py")
    without = f"import runpy, sys; sys.modules['sklearn'] = None; sys.argv = [{path!r}]; "
    code = f"{without}runpy.run_path({path!r}, run_name='__main__')"
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 2 and said.stdout == ""
    assert said.stderr.splitlines() == [
        "planner: sklearn is not installed, which the forecasts need",
        "    to mend it: pip install 'spark-planner[jobs]', on the driver and on the executors",
    ]


def test_recommend_says_everything_that_is_wrong(tmp_path: Path) -> None:
    words = ("--users", "0", "--items", "3", "--most", "1", "--shrink", "-1", "--neighbours", "0", "--held", "some")
    said = job("recommend.py", *words[:6], "--shrink=-1", *words[8:], cwd=tmp_path)
    assert said.returncode == 2 and said.stdout == "" and "Traceback" not in said.stderr
    for named in ("--users", "--items", "--most", "--shrink", "--neighbours", "--held"):
        assert f"{named}: '" in said.stderr
    assert "--items: '3' is below 8; expected 8 or more" in said.stderr


def test_recommend_says_what_is_wrong_with_a_file_and_a_user(tmp_path: Path) -> None:
    said = job("recommend.py", "--ratings", "none.csv", "--users", "3", cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr == "planner: --users: is for generated ratings, and --ratings names a file\n"
    said = job("recommend.py", "--ratings", "none.csv", cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr == "planner: none.csv: is not there; expected a CSV or Parquet file\n"
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating\n1,1,3\n1,2,4\n")
    said = job("recommend.py", "--ratings", "ratings.csv", "--user", "4", cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr == "planner: --user: '4' has rated nothing; expected a user who has, such as 1\n"


def test_images_says_everything_that_is_wrong(tmp_path: Path) -> None:
    words = ("--executors", "1", "--images", "none", "--count", "3", "--model", "none.onnx", "--size", "64")
    said = job("images.py", *words, cwd=tmp_path)
    assert said.returncode == 2 and said.stdout == "" and "Traceback" not in said.stderr
    for told in ("--executors: '1' is below 2", "--count: is for drawn images", "--size: is for the made-up model"):
        assert told in said.stderr
    said = job("images.py", "--images", "none", cwd=tmp_path)
    assert said.returncode == 2 and "none: has no image" in said.stderr and "Traceback" not in said.stderr


def test_images_says_what_to_install(tmp_path: Path) -> None:
    path = str(JOBS / "images.py")
    without = f"import runpy, sys; sys.modules['PIL'] = None; sys.argv = [{path!r}]; "
    code = f"{without}runpy.run_path({path!r}, run_name='__main__')"
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 2 and said.stdout == ""
    assert said.stderr.splitlines()[0] == "planner: Pillow is not installed, which images need"


def test_language_says_what_is_wrong_with_its_texts(tmp_path: Path) -> None:
    said = job("language.py", "--texts", "none", cwd=tmp_path)
    assert said.returncode == 2 and "none: has no text" in said.stderr and "Traceback" not in said.stderr


@pytest.mark.parametrize("name", ["forecast.py", "images.py", "language.py", "recommend.py", "train.py"])
def test_a_job_is_short_because_the_logic_is_elsewhere(name: str) -> None:
    assert len((JOBS / name).read_text(encoding="utf-8").splitlines()) < 90


def test_train_says_everything_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    words = ("--steps", "0", "--seed", "-", "--hidden", "x", "--rows", "5", "--label", "kind", "--out", "full")
    said = job("train.py", *words, cwd=tmp_path)
    assert said.returncode == 2 and said.stdout == "" and "Traceback" not in said.stderr
    for named in ("--steps", "--seed", "--hidden", "--rows", "--out: full is there already"):
        assert named in said.stderr
    assert "--label: names a column of --table, which is left out" in said.stderr


def test_train_says_what_is_wrong_with_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,size\n" + "1,2.5\n" * 10)
    said = job("train.py", "--table", "a.csv", "--rows", "1000", cwd=tmp_path)
    assert said.returncode == 2 and "--rows: is for generated rows, and --table names a file" in said.stderr
    said = job("train.py", "--table", "a.csv", cwd=tmp_path)
    assert said.returncode == 2 and said.stdout == ""
    assert said.stderr == f"planner: {tmp_path}/a.csv: label: has 1 value; expected 2 to 1,000 classes\n"
