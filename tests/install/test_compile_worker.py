"""install/compile_worker.py runs in interpreters as old as 3.8: its syntax, and its answers."""

from __future__ import annotations

import ast
import glob
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from commonwheel.install import compile_worker

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = [
    path for path in glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")) if os.access(path, os.X_OK)
]
TARGETS = [sys.executable, *(path for path in OTHERS if int(path.split("/3.")[1].split(".")[0]) >= 8)]


def test_syntax_is_python_3_8() -> None:
    with open(compile_worker.__file__, encoding="utf-8") as file:
        ast.parse(file.read(), feature_version=(3, 8))


@pytest.mark.parametrize("python", TARGETS)
def test_each_line_gets_an_answer(tmp_path: Path, python: str) -> None:
    good, bad, tabbed = tmp_path / "good é.py", tmp_path / "bad.py", tmp_path / "a\ttab.py"
    good.write_text("x = 1\n")
    tabbed.write_text("x = 2\n")
    bad.write_text("x = (\n")
    asked = f"{good}\n{bad}\n{tmp_path}/missing.py\n{tabbed}\n"
    done = subprocess.run(
        [python, "-I", "-S", compile_worker.__file__, "checked-hash"],
        input=asked.encode(),
        capture_output=True,
        check=True,
    )
    answers = [line.partition("\t")[0] for line in done.stdout.decode().splitlines()]
    assert answers == ["ok", "no", "disk", "ok"]
    compiled = sorted(path.name.partition(".")[0] for path in (tmp_path / "__pycache__").iterdir())
    assert compiled == ["a\ttab", "good é"]
