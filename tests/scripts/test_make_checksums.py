"""Checksums, held against sha256sum where there is one, and files that are cut."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts import make_checksums


@pytest.mark.parametrize(("size", "parts"), [(10, 0), (11, 2), (20, 2), (25, 3)])
def test_what_is_too_large_is_cut_and_can_be_put_together(
    tmp_path: Path, size: int, parts: int
) -> None:
    data = bytes(range(size))
    (tmp_path / "large.deb").write_bytes(data)
    (tmp_path / "small.txt").write_bytes(b"x")
    make_checksums.prepare(tmp_path, limit=10)
    found = sorted(tmp_path.glob("large.deb.part*"))
    assert len(found) == parts
    assert all(0 < part.stat().st_size <= 10 for part in found)
    assert (tmp_path / "large.deb").exists() == (parts == 0)
    if parts:
        assert b"".join(part.read_bytes() for part in found) == data
    sums = dict(
        reversed(line.split("  ")) for line in (tmp_path / "SHA256SUMS").read_text().splitlines()
    )
    # The whole is named as well, for whoever has put it together.
    assert sums["large.deb"] == hashlib.sha256(data).hexdigest()
    assert set(sums) == {"large.deb", "small.txt", *(part.name for part in found)}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_sha256sum_reads_the_list(tmp_path: Path) -> None:
    (tmp_path / "a b.exe").write_bytes(b"program" * 5)
    (tmp_path / "c.txt").write_bytes(b"")
    make_checksums.prepare(tmp_path, limit=20)
    command = ["sha256sum", "--check", "--strict", "--ignore-missing", make_checksums.SUMS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == 3
    (tmp_path / "c.txt").write_bytes(b"other")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode


def test_a_second_run_counts_the_list_of_the_first_not_in(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert make_checksums.prepare(tmp_path) == make_checksums.prepare(tmp_path)


def test_nothing_and_no_limit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no files"):
        make_checksums.prepare(tmp_path)
    with pytest.raises(ValueError, match="at least one byte"):
        make_checksums.prepare(tmp_path, limit=0)
