"""The pages are true: they name every command and option, and nothing that does not exist."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "commonwheel"


def test_reference_is_current() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "reference.py"), "--check"], check=False)
    assert done.returncode == 0, "run tools/reference.py"


def test_house_picture_is_current() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "house_map.py"), "--check"], check=False)
    assert done.returncode == 0, "run tools/house_map.py"


def test_links_between_pages_exist() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_architecture_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for path in SOURCE.iterdir():
        if (path / "__init__.py").is_file():
            assert f"`{path.name}/`" in page


def test_every_decision_is_a_page_with_a_price() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        assert re.match(r"\d{4}-", page.name)
        assert "rice" in page.read_text(), page.name


def test_architecture_names_only_existing_files() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(
        r"`((?:cli|commands|fs|install|python|road|operations|resolve|session|store|index|net)/\w+)(?:\.py)?`", page
    )
    assert named
    for name in named:
        assert (SOURCE / f"{name}.py").is_file(), f"docs/architecture.md names `{name}`"
