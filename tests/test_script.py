"""The script `cw` that installers write, where the path of the interpreter has a space."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commonwheel import __version__

ROOT = Path(__file__).parent.parent


@pytest.mark.index
@pytest.mark.parametrize("installer", ["pip", "cw"])
def test_script_runs_from_a_path_with_a_space(tmp_path: Path, installer: str) -> None:
    """pip takes the script of a wheel as it is and puts the bare path into its first line; that of an entry point it writes."""
    there = tmp_path / "an env é"
    environ = {**os.environ, "CW_CACHE_DIR": str(tmp_path / "store"), "CW_NO_PROGRESS": "1"}
    cw = [sys.executable, "-m", "commonwheel"]
    subprocess.run([*cw, "venv", "-q", str(there)], check=True, env=environ)
    python = str(there / "bin" / "python")
    words = {
        "pip": [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python", python, "install"],
        "cw": [*cw, "pip", "install", "-q", "--python", python],
    }[installer]
    subprocess.run([*words, "--no-deps", str(ROOT)], check=True, env=environ)
    ran = subprocess.run(
        [there / "bin" / "cw", "--version"], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert __version__ in ran.stdout
