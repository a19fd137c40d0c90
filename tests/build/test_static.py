"""What a tree's files say for good is taken without a build, and nothing else is."""

from pathlib import Path

import pytest

from commonwheel.build import static
from commonwheel.build.backend import LEGACY
from commonwheel.build.static import NotAProject
from commonwheel.specs.pyproject import InvalidPyproject
from kit.sdists import write_tree

STATIC = '[project]\nname = "Demo.Project"\nversion = "1.0"\ndependencies = ["other>=2"]\n'
DYNAMIC = '[project]\nname = "demo"\ndynamic = ["version"]\n'


def tree(tmp_path: Path, **files: str | bytes) -> str:
    return write_tree(tmp_path, {name.replace("_", "."): text for name, text in files.items()})


def test_static_project_needs_no_build(tmp_path: Path) -> None:
    found = static.metadata_of(tree(tmp_path, pyproject_toml=STATIC))
    assert found is not None
    assert (found.name, found.version, [str(one) for one in found.requires]) == ("demo-project", "1.0", ["other>=2"])


@pytest.mark.parametrize(
    "text",
    [
        DYNAMIC,
        "[build-system]\nrequires = []\n",
        '[tool.poetry]\nname = "demo"\n',
        "not toml",
        '[project]\nname = 3\nversion = "1"\n',
    ],
)
def test_dynamic_values_are_left_to_the_build(tmp_path: Path, text: str) -> None:
    assert static.metadata_of(tree(tmp_path, pyproject_toml=text)) is None


def test_empty_directory_has_nothing(tmp_path: Path) -> None:
    assert static.metadata_of(str(tmp_path)) is None
    assert static.name_of(str(tmp_path)) == ""


PKG_INFO = "Metadata-Version: {}\nName: demo\nVersion: 2.0\nRequires-Dist: other\n{}\n"


@pytest.mark.parametrize(
    ("version", "more", "counts"),
    [
        ("2.2", "", True),
        ("2.4", "Dynamic: Description", True),
        ("2.1", "", False),
        ("2.2", "Dynamic: Requires-Dist", False),
        ("2.3", "Dynamic: version", False),
    ],
)
def test_sdist_metadata_is_static_from_2_2_on(tmp_path: Path, version: str, more: str, counts: bool) -> None:
    path = write_tree(tmp_path, {"PKG-INFO": PKG_INFO.format(version, more), "pyproject.toml": DYNAMIC})
    found = static.metadata_of(path, archived=True)
    assert (found is not None) is counts
    if found is not None:
        assert [one.name for one in found.requires] == ["other"]


def test_pkg_info_in_a_working_directory_is_ignored(tmp_path: Path) -> None:
    path = write_tree(tmp_path, {"PKG-INFO": PKG_INFO.format("2.2", ""), "pyproject.toml": DYNAMIC})
    assert static.metadata_of(path, archived=False) is None


def test_broken_pkg_info_is_skipped(tmp_path: Path) -> None:
    path = write_tree(tmp_path, {"PKG-INFO": b"\xff\xfe", "pyproject.toml": STATIC})
    found = static.metadata_of(path, archived=True)
    assert found is not None
    assert found.name == "demo-project"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"PKG-INFO": PKG_INFO.format("1.0", ""), "pyproject.toml": '[project]\nname = "other"\n'}, "demo"),
        ({"pyproject.toml": DYNAMIC}, "demo"),
        ({"pyproject.toml": '[tool.poetry]\nname = "My_Poem"\n'}, "my-poem"),
        ({"pyproject.toml": "[tool]\npoetry = 3\n", "setup.cfg": "[metadata]\nname = old%style\n"}, ""),
        ({"setup.cfg": "[metadata]\nname = old.style\n"}, "old-style"),
        ({"pyproject.toml": "not toml", "setup.cfg": "no section\n"}, ""),
        ({"setup.py": ""}, ""),
    ],
)
def test_name_is_found_in_project_files(tmp_path: Path, files: dict[str, str], name: str) -> None:
    assert static.name_of(write_tree(tmp_path, files)) == name


def test_backend_from_pyproject(tmp_path: Path) -> None:
    text = '[build-system]\nrequires = ["a"]\nbuild-backend = "a.b:c"\nbackend-path = ["x"]\n[project]\nname = 3\n'
    found = static.backend_of(tree(tmp_path, pyproject_toml="\ufeff" + text))
    assert (found.name, found.requires, found.path, found.declared) == ("a.b:c", ("a",), ("x",), True)


@pytest.mark.parametrize(
    ("files", "requires"),
    [
        ({"setup.py": ""}, LEGACY.requires),
        ({"setup.cfg": ""}, LEGACY.requires),
        ({"pyproject.toml": DYNAMIC}, LEGACY.requires),
        ({"pyproject.toml": '[build-system]\nrequires = ["setuptools<70"]\n'}, ("setuptools<70",)),
        ({"pyproject.toml": "[build-system]\nrequires = []\n"}, LEGACY.requires),
    ],
)
def test_default_backend_is_legacy_setuptools(tmp_path: Path, files: dict[str, str], requires: tuple[str, ...]) -> None:
    found = static.backend_of(write_tree(tmp_path, files))
    assert (found.name, found.requires, found.declared) == (LEGACY.name, requires, False)


def test_directory_without_project_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotAProject, match="does not look like a Python project") as caught:
        static.backend_of(str(tmp_path))
    assert caught.value.exit_status == 1


@pytest.mark.parametrize("text", ["[build-system]\n", '[build-system]\nrequires = ["a b"]\n', "[build-system\n"])
def test_invalid_build_system_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidPyproject):
        static.backend_of(tree(tmp_path, pyproject_toml=text))


def test_undecodable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotAProject, match="not UTF-8"):
        static.backend_of(tree(tmp_path, pyproject_toml=b"\xff"))
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(NotAProject, match="cannot be read"):
        static.backend_of(str(tmp_path))
