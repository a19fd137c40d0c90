"""Hashing what lies in a tree."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from commonwheel.store.verify import hash_fault, hash_faults, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

SHA = hashlib.sha256(b"content").hexdigest()


def test_content_is_verified(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").write_bytes(b"Content")
    rows = [("a", 7, SHA, False, 0), ("b", 7, SHA, False, 0), ("c", 7, SHA, False, 0)]
    assert hash_faults(str(tmp_path), rows) == [("b", "was changed"), ("c", "is missing")]
    assert sha256_of(str(tmp_path / "a")) == SHA


def test_symlinks_are_not_followed_and_pipes_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    assert hash_fault(str(tmp_path / "link"), SHA) == "is not a file"
    assert hash_fault(str(tmp_path / "pipe"), SHA) == "is not a file"


def test_who_is_wary_reads_whole_files_and_no_holes(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(b"content")
    with open(tmp_path / "hole", "wb") as file:
        file.truncate(1 << 20)
    assert hash_fault(str(tmp_path / "whole"), SHA, wary=True) == ""
    assert hash_fault(str(tmp_path / "hole"), SHA, wary=True) == "has holes"
    assert hash_fault(str(tmp_path / "hole"), SHA) == "was changed"
