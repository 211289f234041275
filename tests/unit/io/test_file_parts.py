"""Folders of files: what is listed, what footers tell, and what is wrong with any of them, all at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planner import InputError
from planner.io.file_parts import read_parts
from planner.io.file_schemas import plain_type
from planner.io.locations import Location


def write(path: Path, n: int = 100, groups: int = 40, **columns: pa.Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(n).bytes(8 * n)
    table = pa.table({"id": pa.array(range(n)), "noise": np.frombuffer(noise, dtype=np.int64), **columns})
    pq.write_table(table, path, row_group_size=groups)
    return path


def test_row_groups_with_their_rows_and_bytes(tmp_path: Path) -> None:
    write(tmp_path / "b.parquet", 100, 40)
    write(tmp_path / "a" / "deep" / "c.PARQUET", 10, 40)
    (tmp_path / "_SUCCESS").write_text("")
    write(tmp_path / "_temporary" / "x.parquet")
    write(tmp_path / ".y.parquet")
    parts = read_parts(tmp_path)
    assert parts.parquet and [Path(path).name for path in parts.paths] == ["c.PARQUET", "b.parquet"]
    assert parts.rows.tolist() == [10, 40, 40, 20]
    assert parts.file.tolist() == [0, 1, 1, 1] and parts.group.tolist() == [0, 0, 1, 2]
    metadata = pq.read_metadata(tmp_path / "b.parquet")
    groups = [metadata.row_group(k) for k in range(3)]
    stored = [sum(group.column(i).total_compressed_size for i in range(2)) for group in groups]
    assert parts.bytes[1:].tolist() == pytest.approx(stored, rel=0.02)
    assert parts.address(1) == str(tmp_path / "b.parquet") and parts.findings == ()
    assert (parts.start[1:] > 0).all() and (np.diff(parts.start[1:]) == parts.bytes[1:-1]).all()


def test_a_path_a_uri_and_a_single_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "ü n%[1].parquet")
    monkeypatch.chdir(tmp_path)
    for given in (file, str(file), file.as_uri(), file.name, "file:" + file.as_uri().removeprefix("file://")):
        parts = read_parts(given)
        assert parts.paths == (str(file),) and parts.rows.sum() == 100


@pytest.mark.parametrize(
    ("uri", "path", "address", "hadoop"),
    [
        (None, "/a/b{1}", "/a/b{1}", r"file:///a/b\{1\}"),
        ("s3://key:secret@bucket/a%20b/?region=x", "bucket/a b", "s3://bucket/a b", "s3a://bucket/a b"),
        ("hdfs://host:8020/a", "/a", "hdfs://host:8020/a", "hdfs://host:8020/a"),
        ("abfss://box@account.net/a", "box/a", "abfss://box@account.net/a", "abfss://box@account.net/a"),
    ],
)
def test_addresses_that_others_can_read_and_that_tell_no_secret(
    uri: str | None, path: str, address: str, hadoop: str
) -> None:
    location = Location(uri, path)
    assert location.address(path) == address and location.hadoop() == hadoop
    assert location.address(f"{path}/day=1/x.csv") == f"{address}/day=1/x.csv"


@pytest.mark.parametrize("given", ["nowhere", "ftp://host/a", "no\0thing"])
def test_a_location_that_is_none(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="expected"):
        read_parts(given)


def test_a_location_that_is_none_tells_no_secret() -> None:
    for given in ("s3://key:secret@bucket/a?nonsense=x", "nope://key:secret@host/a?token=secret"):
        with pytest.raises(InputError, match="expected") as caught:
            Location.of(given)
        assert "secret" not in str(caught.value) and "//…@" in str(caught.value)


def test_folders_without_files_and_tables_of_other_kinds(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    with pytest.raises(InputError, match="holds no files"):
        read_parts(tmp_path)
    write(tmp_path / "part.parquet")
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "0.json").write_text("{}")
    with pytest.raises(InputError, match="is a Delta table"):
        read_parts(tmp_path)


def test_every_broken_file_is_named_at_once(tmp_path: Path) -> None:
    good = write(tmp_path / "good.parquet")
    (tmp_path / "cut.parquet").write_bytes(good.read_bytes()[:-20])
    (tmp_path / "text.parquet").write_text("not a Parquet file at all")
    (tmp_path / "nothing.parquet").write_bytes(b"")
    (tmp_path / "notes.csv").write_text("a,b\n")
    with pytest.raises(InputError) as raised:
        read_parts(tmp_path)
    told = {Path(fault.path).name: fault.problem for fault in raised.value.faults}
    assert told.keys() == {"cut.parquet", "text.parquet", "nothing.parquet", "notes.csv"}
    assert "footer that cannot be read" in told["cut.parquet"] and "0 bytes" in told["nothing.parquet"]
    assert "not named as a Parquet file" in told["notes.csv"]


def test_columns_of_other_types_are_faults_and_others_findings(tmp_path: Path) -> None:
    text = pa.array(["x"] * 100)
    for i in range(3):
        write(tmp_path / f"{i}.parquet", text=text, more=text)
    write(tmp_path / "same.parquet", text=text.dictionary_encode(), more=pa.nulls(100))
    write(tmp_path / "less.parquet", text=text)
    parts = read_parts(tmp_path)
    [finding] = parts.findings
    assert "'more' is missing in 1 of the files" in finding.problem and "less.parquet" in finding.problem
    assert parts.schema is not None and parts.schema.names == ["id", "noise", "text", "more"]
    write(tmp_path / "number.parquet", text=pa.array(range(100)), more=text)
    write(tmp_path / "time.parquet", text=pa.array(range(100), pa.timestamp("us")), more=text)
    with pytest.raises(InputError) as raised:
        read_parts(tmp_path)
    told = {Path(fault.path).name: fault.problem for fault in raised.value.faults}
    assert told == {
        "number.parquet": "column 'text' is int64; expected string, as in most files",
        "time.parquet": "column 'text' is timestamp[us]; expected string, as in most files",
    }


def test_times_as_old_writers_store_them_are_moments(tmp_path: Path) -> None:
    times = pa.table({"at": pa.array([1, 2], pa.timestamp("us"))})
    pq.write_table(times, tmp_path / "old.parquet", use_deprecated_int96_timestamps=True)
    pq.write_table(times.cast(pa.schema([("at", pa.timestamp("us", "UTC"))])), tmp_path / "new.parquet")
    schema = read_parts(tmp_path).schema
    assert schema is not None and plain_type(schema.field("at").type) == pa.timestamp("us", "UTC")
    pq.write_table(times, tmp_path / "local.parquet")
    with pytest.raises(InputError, match=r"column 'at' is timestamp\[us\]; expected timestamp\[us, tz=UTC\]"):
        read_parts(tmp_path)


def test_types_that_spark_holds_alike_are_the_same() -> None:
    here = pa.struct(
        [("a", pa.list_(pa.dictionary(pa.int8(), pa.large_string()))), ("b", pa.timestamp("ns", "Asia/Tokyo"))]
    )
    there = pa.struct([("a", pa.large_list(pa.string())), ("b", pa.timestamp("us", "UTC"))])
    assert plain_type(here) == plain_type(there)
    assert plain_type(pa.map_(pa.string(), pa.uint32())) == pa.map_(pa.string(), pa.int64())
    assert plain_type(pa.timestamp("us")) != plain_type(pa.timestamp("us", "UTC"))


def test_columns_in_the_names_of_folders(tmp_path: Path) -> None:
    write(tmp_path / "day=2024-01-01" / "shop=a%2Fb" / "x.parquet")
    write(tmp_path / "day=2024-01-02" / "shop=__HIVE_DEFAULT_PARTITION__" / "x.parquet")
    parts = read_parts(tmp_path)
    assert parts.partition_columns == ("day", "shop")
    assert parts.partition_values == (("2024-01-01", "a/b"), ("2024-01-02", None))
    assert read_parts(tmp_path / "day=2024-01-01" / "shop=a%2Fb").partition_columns == ()
    write(tmp_path / "day=2024-01-03" / "x.parquet")
    with pytest.raises(InputError, match=r"day=2024-01-03.*lies in folders of day=…; expected day=…, shop=…"):
        read_parts(tmp_path)


def test_files_of_other_kinds_are_read_whole(tmp_path: Path) -> None:
    for name, size in (("a.csv", 30), ("b.json.GZ", 20), ("c.txt", 0), ("d", 5)):
        (tmp_path / name).write_bytes(b"x" * size)
    parts = read_parts(tmp_path)
    assert not parts.parquet and parts.divisible.tolist() == [True, False, True, True]
    assert parts.bytes.tolist() == [30, 20, 5] and parts.file.tolist() == [0, 1, 3] and parts.group.tolist() == [-1] * 3
    [finding] = parts.findings
    assert "0 bytes" in finding.problem and "c.txt" in finding.problem


def test_files_without_rows_and_of_the_old_calendar_are_findings(tmp_path: Path) -> None:
    write(tmp_path / "full.parquet")
    pq.write_table(pq.read_table(tmp_path / "full.parquet").slice(0, 0), tmp_path / "empty.parquet")
    old = pq.read_table(tmp_path / "full.parquet").replace_schema_metadata({"org.apache.spark.legacyDateTime": ""})
    pq.write_table(old, tmp_path / "old.parquet")
    empty, calendar = read_parts(tmp_path).findings
    assert "0 rows" in empty.problem and "empty.parquet" in empty.problem and "full" not in empty.problem
    assert "old calendar" in calendar.problem and "old.parquet" in calendar.problem


def test_a_location_does_not_show_the_secrets_of_its_uri() -> None:
    from planner.io.locations import Location

    assert "hunter2" not in repr(Location("s3://user:hunter2@bucket/a?token=hunter2", "bucket/a"))
