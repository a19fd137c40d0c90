"""The builder of the documentation site finds what a reader would stumble over, on a small site of its own."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONFIGURATION = """
[project]
site_name = "Small"
nav = [{ "Home" = "index.md" }, { "Decisions" = "decisions/index.md" }, { "Changelog" = "changelog.md" }]
[project.theme]
font = false
[project.plugins.offline]
"""
Build = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return a function that builds a site whose front page has this text."""

    def run(text: str) -> "subprocess.CompletedProcess[str]":
        for name, content in {
            "zensical.toml": CONFIGURATION,
            "CHANGELOG.md": "# Changelog\n",
            "docs/index.md": f"# Home\n\n{text}\n",
            "docs/decisions/0001-first.md": "# 1. The first\n\n## Price\n",
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        (tmp_path / "tools").mkdir()
        shutil.copy(ROOT / "tools" / "build_site.py", tmp_path / "tools")
        command = [sys.executable, str(tmp_path / "tools" / "build_site.py")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_a_sound_site_is_built_with_its_generated_pages(build: Build, tmp_path: Path) -> None:
    done = build("[the first](decisions/0001-first.md#price)")
    assert done.returncode == 0, done.stderr
    pages = tmp_path / ".site" / "site"
    assert "1. The first" in (pages / "decisions" / "index.html").read_text()
    assert (pages / "changelog.html").is_file()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[gone](gone.md)", "page does not exist"),
        ("[gone](decisions/0001-first.md#gone)", "anchor does not exist"),
        ("![gone](gone.svg)", "`gone.svg` is not there"),
        ("text\n- one\n- two", "index.md, line 4: an empty line is missing before the list"),
        ('<img src="https://host.example/x.png">', "loads `https://host.example/x.png` from another host"),
    ],
)
def test_a_fault_fails_the_build_and_is_named(build: Build, text: str, fault: str) -> None:
    done = build(text)
    assert done.returncode == 1
    assert fault in done.stderr
    assert "Traceback" not in done.stderr


def test_no_page_asks_another_host(build: Build, tmp_path: Path) -> None:
    assert build("text").returncode == 0
    for page in (tmp_path / ".site" / "site").rglob("*.html"):
        assert 'src="https:' not in page.read_text()
        assert "javascripts/offline.js" in page.read_text()
