"""The history of keyed work: written once, read newest first, and what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from key_load_samples import key_load, one_run
from pyarrow import fs

from planner.errors import InputError
from planner.io import append_history, key_history, read_history
from planner.model.key_load import KEY_SCHEMA, KeyLoad

BY = ("store",)


def load_of(run: str, wall_us: int = 5, **changes: Any) -> KeyLoad:
    return key_load([{"key_hash": 1, "wall_us": wall_us}, {"keys": 9, "executor": None}], run=run, **changes)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def faults_of(location: Any, by: Any = BY) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_history(location, by)
    return [str(fault) for fault in caught.value.faults]


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    load = load_of("app-1-7")
    name = append_history(load, str(tmp_path))
    assert names(tmp_path) == [name] and "app-1-7" in name
    read = read_history(str(tmp_path), BY)
    assert read.select(KEY_SCHEMA.names).cast(KEY_SCHEMA).equals(load.keys)
    for column, value in (("run", "app-1-7"), ("application", "app-1"), ("by", ["store"])):
        assert read[column].to_pylist() == [value, value]
    assert timedelta(0) <= datetime.now(UTC) - read["recorded_at"][0].as_py() < timedelta(minutes=1)
    assert all(pa.types.is_dictionary(read[column].type) for column in ("run", "application", "executor", "host"))
    assert pq.read_schema(tmp_path / name).equals(key_history.HISTORY_SCHEMA, check_metadata=False)


HASH, COUNT = st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**62)
KEY = st.fixed_dictionaries(
    {
        "key_hash": st.none() | HASH,
        "key": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        "keys": st.integers(1, 2**40),
        "partition": st.integers(0, 2),
        "executor": st.none() | st.sampled_from(["0", "driver", "é"]),
        "rows": st.integers(0, 2**40),
        "wall_us": st.integers(0, 2**40),
    }
)


@settings(max_examples=25, deadline=None)
@given(keys=st.lists(KEY, max_size=5), run=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_load_is_read_as_it_was_written(keys: Any, run: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("history")
    load = key_load(keys, run=run, by=("größe", "b c"))
    append_history(load, folder)
    assert append_history(load, folder) == names(folder)[0] and len(names(folder)) == 1
    read = read_history(folder, ["größe", "b c"])
    if not keys:
        assert read is None
        return
    assert read.select(KEY_SCHEMA.names).cast(KEY_SCHEMA).equals(load.keys)
    assert read["run"].to_pylist() == [run] * len(keys)


@pytest.mark.parametrize("form", ["plain", "relative", "home", "uri", "hadoop", "path"])
def test_a_place_is_a_path_or_a_uri(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "a" / "b"
    given = {
        "plain": f"{folder}/",
        "relative": "a/b",
        "home": "~/a/b",
        "uri": folder.as_uri(),
        "hadoop": f"file:{folder}",
        "path": folder,
    }[form]
    assert read_history(given, BY) is None
    append_history(load_of("r"), given)
    assert len(names(folder)) == 1 and names(tmp_path) == ["a"]
    assert read_history(given, BY).num_rows == 2


def test_an_empty_folder_is_no_history(tmp_path: Path) -> None:
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".half-written.tmp").write_text("")
    assert read_history(str(tmp_path), BY) is None


def test_a_run_is_written_once_and_others_beside_it(tmp_path: Path) -> None:
    first = append_history(load_of("run 1"), tmp_path)
    assert append_history(load_of("run 1", wall_us=999), tmp_path) == first
    append_history(load_of("run-1"), tmp_path)
    append_history(load_of("run"), tmp_path)
    assert len(names(tmp_path)) == 3
    read = read_history(tmp_path, BY)
    assert sorted(set(read["run"].to_pylist())) == ["run", "run 1", "run-1"] and 999 not in read["wall_us"].to_pylist()


def test_the_newest_runs_are_read_and_no_other_file_is_opened(tmp_path: Path) -> None:
    for run in range(5):
        name = append_history(load_of(f"r{run}"), tmp_path)
        if run < 2:
            (tmp_path / name).write_bytes(b"broken, but nobody looks")
    append_history(key_load([], run="without keys"), tmp_path)
    read = read_history(tmp_path, BY, most_runs=3)
    assert read["run"].to_pylist() == ["r4", "r4", "r3", "r3", "r2", "r2"]
    with pytest.raises(InputError):
        read_history(tmp_path, BY, most_runs=4)


def test_files_under_other_names_count_by_their_time(tmp_path: Path) -> None:
    for run in (3, 1, 2):
        pq.write_table(one_run([run], [1], [1.0], run=run), tmp_path / f"{9 - run}.parquet")
    assert read_history(tmp_path, BY, most_runs=2)["run"].to_pylist() == ["run-3", "run-2"]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    append_history(load_of("fine"), tmp_path)
    good = one_run([1], [1], [1.0])
    other = {
        "notes.txt": lambda path: path.write_text("notes"),
        "empty.parquet": lambda path: path.touch(),
        "cut.parquet": lambda path: path.write_bytes((tmp_path / names(tmp_path)[0]).read_bytes()[:-30]),
        "folder": lambda path: path.mkdir(),
        "sales.parquet": lambda path: pq.write_table(pa.table({"keys": [1], "rows": [2]}), path),
        "types.parquet": lambda path: pq.write_table(good.set_column(6, "rows", pa.array(["many"])), path),
        "nulls.parquet": lambda path: pq.write_table(good.set_column(6, "rows", pa.array([None], pa.int64())), path),
        "by.parquet": lambda path: pq.write_table(
            good.set_column(good.schema.get_field_index("by"), "by", pa.array([["day", "store"]])), path
        ),
        "two.parquet": lambda path: pq.write_table(pa.concat_tables([good, one_run([1], [1], [1.0], run=1)]), path),
    }
    for name, write in other.items():
        write(tmp_path / name)
    faults = faults_of(str(tmp_path))
    told = dict(fault.removeprefix(f"{tmp_path}/").split(": ", 1) for fault in faults)
    assert sorted(told) == sorted(other)
    for name in ("notes.txt", "empty.parquet", "cut.parquet"):
        assert "cannot be read as Parquet" in told[name]
    assert told["folder"].startswith("is a folder")
    assert "lacks the columns key_hash, key, partition" in told["sales.parquet"]
    assert "rows is string, not int64" in told["types.parquet"]
    assert "nulls in rows" in told["nulls.parquet"]
    assert "was measured by ['day', 'store']" in told["by.parquet"]
    assert "holds 2 runs" in told["two.parquet"]
    assert all("expected the load of one run by store" in problem for problem in told.values())


def test_the_order_of_the_columns_is_part_of_the_key(tmp_path: Path) -> None:
    append_history(load_of("r", by=("a", "b")), tmp_path)
    assert read_history(tmp_path, ["a", "b"]).num_rows == 2
    assert "was measured by ['a', 'b']; expected the load of one run by b, a" in faults_of(tmp_path, ["b", "a"])[0]


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("", "is empty"),
        ("a\0b", "NUL"),
        ("nope://place/x", "Unrecognized filesystem type"),
        ("s3://", ""),
        ("file://elsewhere/x", "hostname"),
    ],
)
def test_a_place_that_is_none_is_refused(location: str, problem: str) -> None:
    if location == "s3://":
        pytest.importorskip("pyarrow._s3fs")
        location = "s3://key:secret@/x"
    (fault,) = faults_of(location)
    assert problem in fault and "expected a folder that can be read" in fault
    with pytest.raises(InputError, match="expected a folder that can be written to"):
        append_history(load_of("r"), location)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert faults_of(tmp_path / "file") == [f"{tmp_path}/file: is a file; expected a folder"]
    with pytest.raises(InputError, match="expected a folder that can be written to"):
        append_history(load_of("r"), tmp_path / "file")


@pytest.mark.parametrize(
    "location", ["nope://user:hunter2@place/x?token=hunter2", "s3://user:hunter2@/x?region=hunter2"]
)
def test_secrets_of_a_uri_are_not_told(location: str) -> None:
    assert "hunter2" not in faults_of(location)[0]


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(pq, "write_table", stop)
    with pytest.raises(InputError, match="the disk is full"):
        append_history(load_of("r"), tmp_path)
    assert names(tmp_path) == []


def test_a_store_that_is_not_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    (tmp_path / "bucket").mkdir()
    from_uri = staticmethod(lambda uri: (elsewhere, "bucket/history"))
    monkeypatch.setattr(fs, "FileSystem", type("FileSystem", (), {"from_uri": from_uri}))
    append_history(load_of("r"), "s3://bucket/history")
    append_history(load_of("r"), "s3://bucket/history")
    assert len(names(tmp_path / "bucket" / "history")) == 1
    assert read_history("s3://bucket/history", BY).num_rows == 2


def test_of_very_many_keys_the_light_ones_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_history, "MOST_KEYS", 3)
    walls = [50, 1, 40, 2, 30, 3, 20]
    keys = [{"key_hash": i, "partition": i % 2, "wall_us": wall, "rows": 10 + i} for i, wall in enumerate(walls)]
    append_history(key_load([*keys, {"keys": 100, "wall_us": 5}]), tmp_path)
    read = read_history(tmp_path, BY).to_pandas()
    assert read["wall_us"][:3].tolist() == [50, 40, 30] and read["key_hash"][:3].tolist() == [0, 2, 4]
    rest = read[3:].set_index("partition")
    assert rest["key_hash"].isna().all()
    assert rest["keys"].to_dict() == {0: 101, 1: 3} and rest["wall_us"].to_dict() == {0: 25, 1: 6}
    assert read["rows"].sum() == sum(range(10, 17)) + 1 and read["wall_us"].sum() == sum(walls) + 5


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_history(load_of("r"), tmp_path)
    monkeypatch.setattr(key_history, "MOST_ROWS", 1)
    assert "has 2 rows; expected at most 1" in faults_of(tmp_path)[0]
