"""The note that all is compiled: true for one machine and one state of the source, and written by one process."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from planner import kept


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an installed package of one module, and the folder where machine code of it is kept."""
    package = tmp_path / "planner"
    package.mkdir()
    (package / "kernel.py").write_text("")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "PACKAGE", package)
    monkeypatch.setattr(kept, "_BESIDE", package / "__pycache__")
    found = kept.place()
    assert found == package / "__pycache__"
    return found


def compile_into(folder: Path) -> Path:
    """Keep something, and note it."""
    file = folder / "kernel.nbi"
    with kept.compiling(folder) as note:
        assert note is not None and not kept.complete()
        file.write_text("")
        note([file], [kept.PACKAGE / "kernel.py"])
    return file


def test_it_is_complete_from_the_note_on(folder: Path) -> None:
    assert not kept.complete()
    compile_into(folder)
    assert kept.complete()
    with kept.compiling(folder) as note:
        assert note is None, "it has been done"


def test_an_interrupted_process_leaves_no_note(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt), kept.compiling(folder):
        raise KeyboardInterrupt
    assert not kept.complete() and not kept.busy(folder)
    compile_into(folder)
    assert kept.complete()


def test_the_note_is_not_true_any_more_when_a_file_is_gone(folder: Path) -> None:
    compile_into(folder).unlink()
    assert not kept.complete()


def test_the_note_is_not_true_any_more_when_the_source_has_changed(folder: Path) -> None:
    compile_into(folder)
    os.utime(kept.PACKAGE / "kernel.py", (2**31, 2**31))
    assert not kept.complete()


@pytest.mark.parametrize("other", ["_processor", "_name"])
def test_the_note_is_for_one_machine_and_one_python(folder: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    compile_into(folder)
    monkeypatch.setattr(kept, other, lambda: "other")
    assert not kept.complete()


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "null", '{"for": 1}', '{"for": []}'])
def test_a_broken_note_is_none(folder: Path, text: str) -> None:
    compile_into(folder)
    (folder / kept._name()).write_text(text)
    assert not kept.complete()


def test_a_note_is_written_over_an_old_one(folder: Path) -> None:
    compile_into(folder).unlink()
    compile_into(folder)
    assert list(json.loads((folder / kept._name()).read_text())) == ["for", "folders", "kept"]
    assert kept.complete()


def test_only_one_process_compiles(folder: Path) -> None:
    with kept.compiling(folder) as first:
        assert first is not None and kept.busy(folder)
        with kept.compiling(folder, wait=False) as second:
            assert second is None
    assert not kept.busy(folder)


def test_without_a_writable_package_it_is_the_home_and_without_a_home_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped = tmp_path / "planner.zip"
    zipped.write_text("")
    monkeypatch.setattr(kept, "PACKAGE", zipped / "planner")
    monkeypatch.setattr(kept, "_BESIDE", zipped / "planner" / "__pycache__")
    assert kept.place() == tmp_path / "cache" / "numba"
    compile_into(tmp_path / "cache" / "numba")
    assert kept.complete() and not kept.sealed()
    os.utime(zipped, (2**31, 2**31))
    assert not kept.complete(), "a zip that was exchanged is another source"
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert kept.place() is None and not kept.complete()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert kept.place() == tmp_path / "elsewhere"


def test_what_root_has_compiled_is_sealed_for_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_into(folder)
    assert not kept.sealed()
    monkeypatch.setattr(kept.os, "access", lambda path, mode: False)
    assert kept.sealed() and kept.complete() and kept.place() is None
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder / "elsewhere"))
    assert not kept.sealed()
