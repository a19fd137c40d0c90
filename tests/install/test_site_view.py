"""install/site_view.py: what stands where, with some of it thought away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from commonwheel.install.site_view import Ground

if TYPE_CHECKING:
    from pathlib import Path


def test_node_kinds_names_and_ignored_paths(tmp_path: Path) -> None:
    (tmp_path / "dir" / "__pycache__").mkdir(parents=True)
    (tmp_path / "dir" / "inner").mkdir()
    (tmp_path / "dir" / "file").write_text("text")
    os.symlink("dir", tmp_path / "link")
    os.symlink("nowhere", tmp_path / "dangling")
    ground = Ground([f"{tmp_path}/gone"])
    (tmp_path / "gone").mkdir()
    kinds = {
        name: ground.kind(f"{tmp_path}/{name}")
        for name in ("dir", "dir/file", "link", "dangling", "gone", "no", "dir/file/x")
    }
    assert kinds == {
        "dir": "directory", "dir/file": "file", "link": "link", "dangling": "link", "gone": "", "no": "", "dir/file/x": "",
    }  # fmt: skip
    assert ground.names(f"{tmp_path}/link") == {"file": "file", "inner": "directory"}
    assert ground.names(f"{tmp_path}/no") == {}
    assert ground.target(f"{tmp_path}/link") == f"{tmp_path}/dir"
    assert ground.target(f"{tmp_path}/dangling") == ""
    assert ground.target(f"{tmp_path}/dir") == ""
    assert ground.real(f"{tmp_path}/link/inner") == os.path.realpath(f"{tmp_path}/dir/inner")
    assert ground.read(f"{tmp_path}/dir/file") == b"text"
    assert ground.read(f"{tmp_path}/no") == b""
