"""Write `dist/planner.zip` for spark-submit's `--py-files`: the package alone, the same bytes on every machine."""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_zip(package, target):
    """Pack every file of a package, sorted, without times, owners or compression, which differ between machines."""
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes())
    partial.replace(target)
    return len(files)


if __name__ == "__main__":
    wanted = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "planner.zip"
    count = write_zip(ROOT / "planner", wanted)
    print(f"{wanted}: {count} files, {wanted.stat().st_size} bytes")
