"""`project.discovery`: which project a directory belongs to, and which workspace a project belongs to."""

import os

import pytest

from commonwheel.project.discovery import BadWorkspace, NoProject, NotManaged, Workspace, discover

PROJECT = '[project]\nname = "{}"\nversion = "1"\n'
ROOT = PROJECT.format("root") + "[tool.uv.workspace]\nmembers = {}\nexclude = {}\n"


def workspace(files: dict[str, str], start: str = "") -> Workspace:
    texts = {os.path.join("/w", path, "pyproject.toml"): text.encode() for path, text in files.items()}
    return discover(os.path.join("/w", start).rstrip("/"), texts.get)


def on_disk(place: str, files: dict[str, str], start: str = "") -> Workspace:
    for path, text in files.items():
        whole = os.path.join(place, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as stream:
            stream.write(text)

    def read(path: str) -> bytes | None:
        try:
            with open(path, "rb") as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    return discover(os.path.join(place, start), read)


def names(found: Workspace) -> list[str]:
    return [member.name for member in found.members]


def test_nearest_project_upward_alone() -> None:
    found = workspace({"": PROJECT.format("a")}, "deep/inside")
    assert (found.directory, names(found), found.is_alone, found.is_virtual) == ("/w", ["a"], True, False)


def test_file_without_project_is_passed_over() -> None:
    assert workspace({"": PROJECT.format("a"), "in": "[tool.ruff]\n"}, "in").here.name == "a"


def test_nothing_found() -> None:
    with pytest.raises(NoProject, match="/w"):
        workspace({})


def test_members_by_globs_without_the_excluded(place: str) -> None:
    files = {
        "pyproject.toml": ROOT.format('["libs/*", "deep/**/x"]', '["libs/no"]'),
        "libs/b/pyproject.toml": PROJECT.format("b"),
        "libs/a/pyproject.toml": PROJECT.format("a"),
        "libs/no/pyproject.toml": PROJECT.format("no"),
        "deep/1/2/x/pyproject.toml": PROJECT.format("x"),
        "libs/.hidden/notes": "",
    }
    found = on_disk(place, files, "libs/a")
    assert names(found) == ["a", "b", "root", "x"]
    assert (found.here.name, found.root.name, found.is_alone) == ("a", "root", False)
    assert names(on_disk(place, {}, "libs/no")) == ["no"]


def test_project_in_between_ends_the_search(place: str) -> None:
    files = {
        "pyproject.toml": ROOT.format('["a/b"]', "[]"),
        "a/pyproject.toml": PROJECT.format("a"),
        "a/b/pyproject.toml": PROJECT.format("b"),
    }
    assert on_disk(place, files, "a/b").root.name == "b"


def test_directory_without_project_is_an_error_unless_left_over(place: str) -> None:
    os.makedirs(os.path.join(place, "libs/empty"))
    files = {"pyproject.toml": ROOT.format('["libs/*"]', "[]"), "libs/a/pyproject.toml": PROJECT.format("a")}
    assert names(on_disk(place, files)) == ["a", "root"]
    with pytest.raises(BadWorkspace, match="libs/odd"):
        on_disk(place, {"libs/odd/notes": "x"})


def test_two_members_of_one_name(place: str) -> None:
    files = {
        "pyproject.toml": ROOT.format('["a", "b"]', "[]"),
        "a/pyproject.toml": PROJECT.format("same"),
        "b/pyproject.toml": PROJECT.format("same"),
    }
    with pytest.raises(BadWorkspace, match="`same`") as caught:
        on_disk(place, files)
    assert len(caught.value.context) == 2


def test_root_without_project_is_virtual(place: str) -> None:
    found = on_disk(
        place, {"pyproject.toml": '[tool.uv.workspace]\nmembers = ["a"]\n', "a/pyproject.toml": PROJECT.format("a")}
    )
    assert (found.is_virtual, names(found), found.here.name) == (True, ["a"], "")


def test_unmanaged_projects_are_left_alone(place: str) -> None:
    with pytest.raises(NotManaged):
        workspace({"": PROJECT.format("a") + "[tool.uv]\nmanaged = false\n"})
    files = {
        "pyproject.toml": ROOT.format('["a"]', "[]"),
        "a/pyproject.toml": PROJECT.format("a") + "[tool.cw]\nmanaged = false\n",
    }
    assert names(on_disk(place, files)) == ["root"]
