"""commands/install_no_change.py: an installation that had nothing to do is remembered until anything moves.

Whether the memory was believed is seen by forging it: the number of packages that the forger wrote comes out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from commonwheel.store import layout
from commonwheel.store.sealed_records import seal, unseal
from kit.cli import Cw
from kit.wheels import make_wheel


@pytest.fixture
def user(tmp_path: Path) -> Cw:
    for name, version, needs in (("app", "1.0", ["lib"]), ("lib", "1.0", []), ("lib", "2.0", []), ("more", "1.0", [])):
        make_wheel(tmp_path / "wheels", name, version, {f"{name}.py": "x = 1\n"}, requires=needs)
    cw = Cw(str(tmp_path), CW_NO_INDEX="1", CW_FIND_LINKS="wheels")
    cw.write("app.txt", "app\n-c narrow.txt\n")
    cw.write("narrow.txt", "lib<3\n")
    cw("venv", "v").ok()
    cw("pip", "install", "-p", "v", "-r", "app.txt").ok()
    return cw


def again(user: Cw, *words: str, **environ: str) -> str:
    """Return what `pip install` says."""
    ran = user("pip", "install", "-p", "v", *(words or ("-r", "app.txt")), environ=environ).ok()
    return ran.out + ran.err


def memories(user: Cw) -> list[Path]:
    return sorted((Path(user.store) / layout.VERSION / "answers").glob("unchanged-*"))


def forge(user: Cw) -> None:
    (path,) = memories(user)
    lines = unseal("unchanged", path.read_bytes())
    assert lines is not None
    path.write_bytes(seal("unchanged", [lines[0], "77", *lines[2:]]))


HONEST, FORGED = "Checked 2 packages", "Checked 77 packages"


def test_the_second_time_is_remembered(user: Cw) -> None:
    assert HONEST in again(user)
    forge(user)
    assert FORGED in again(user)


def _touched(path: str) -> Callable[[Cw], object]:
    def change(user: Cw) -> None:
        full = user.path(path) if not path.startswith("@") else os.path.join(user.site(), path[1:])
        with open(full, "a", encoding="utf-8") as stream:
            stream.write("\n")

    return change


def _made_direct(user: Cw) -> None:
    Path(user.site(), "lib-2.0.dist-info", "direct_url.json").write_text(
        '{"url": "https://x.example/", "dir_info": {}}', encoding="utf-8"
    )


def _replaced(user: Cw) -> None:
    user.write("new.txt", "app\n-c narrow.txt\n")
    os.replace(user.path("new.txt"), user.path("app.txt"))


@pytest.mark.parametrize(
    "change",
    [
        _touched("app.txt"),
        _touched("narrow.txt"),
        _touched("@app-1.0.dist-info/METADATA"),
        _made_direct,
        _touched("@aside.pth"),
        lambda user: user.write("cw.toml", 'prerelease = "allow"\n'),
        lambda user: user("pip", "install", "-p", "v", "more").ok(),
        lambda user: user("pip", "install", "-p", "v", "lib==2.0", "--reinstall-package", "lib").ok(),
        _replaced,
    ],
    ids=["file", "constraints", "metadata", "direct-url", "pth", "configuration", "more", "reinstalled", "replaced"],
)
def test_what_moved_is_looked_at_anew(user: Cw, change: Callable[[Cw], object]) -> None:
    again(user)
    forge(user)
    change(user)
    assert HONEST in again(user)


def test_a_package_that_was_removed_comes_back(user: Cw) -> None:
    again(user)
    forge(user)
    user("pip", "uninstall", "-p", "v", "lib").ok()
    assert "Installed 1 package" in again(user)


def test_a_package_that_another_tool_removed_comes_back(user: Cw) -> None:
    again(user)
    forge(user)
    place = os.path.join(user.site(), "lib-2.0.dist-info")
    os.rename(place, user.path("gone"))
    assert "Installed 1 package" in again(user)


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("-r", "app.txt", "--prerelease", "allow"), {}),
        (("app",), {}),
        (("app", "lib"), {}),
        (("-r", "app.txt"), {"CW_PRERELEASE": "allow"}),
        (("-r", "app.txt"), {"UV_RESOLUTION": "lowest"}),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_other_words_and_variables_are_another_question(
    user: Cw, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    again(user)
    forge(user)
    assert HONEST in again(user, *words, **environ)


@pytest.mark.parametrize(
    "words", [("-r", "app.txt", "--upgrade"), ("-r", "app.txt", "--reinstall"), ("--dry-run", "app")]
)
def test_who_asks_for_more_than_what_is_there_is_not_remembered(user: Cw, words: tuple[str, ...]) -> None:
    user("pip", "install", "-p", "v", *words).ok()
    assert not memories(user)


def test_another_place_is_another_question(user: Cw) -> None:
    again(user)
    forge(user)
    user.write("below/app.txt", "app\n-c ../narrow.txt\n")
    below = Cw(user.cwd, **{**user.environ, "CW_FIND_LINKS": user.path("wheels")})
    said = below("pip", "install", "--directory", "below", "-p", "../v", "-r", "app.txt").ok()
    assert HONEST in said.out + said.err


def test_a_file_that_means_more_than_its_text_is_read_each_time(user: Cw) -> None:
    user.write("app.txt", "${WANTED}\n")
    again(user, WANTED="app")
    assert not memories(user)


def test_a_warning_is_said_each_time(user: Cw) -> None:
    path = os.path.join(user.site(), "broken-1.0.dist-info")
    os.mkdir(path)
    assert "has no METADATA" in again(user)
    assert "has no METADATA" in again(user)
    assert not memories(user)


def test_what_comes_on_standard_input_is_read_each_time(user: Cw, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    for text in (b"app\n", b"app\n"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert HONEST in again(user, "-r", "-")
    assert not memories(user)


def test_a_project_is_read_each_time(user: Cw) -> None:
    user.write("pyproject.toml", '[project]\nname = "mine"\nversion = "1"\ndependencies = ["app"]\n')
    assert HONEST in again(user, "-r", "pyproject.toml")
    assert not memories(user)


def test_what_a_dead_command_left_is_undone_first(user: Cw) -> None:
    again(user)
    forge(user)
    state = user.path("v", ".cw")
    if not os.path.isdir(state):
        (state,) = (str(path.parent) for path in Path(user.path("v")).rglob("history") if path.is_dir())
    work = os.path.join(state, ".tmp-elsewhere-1-0123456789abcdef")
    os.mkdir(work)
    again(user)
    assert not os.path.exists(work)


@pytest.mark.parametrize("damage", [b"", b"\xff", b"commonwheel-unchanged\t1\n"])
def test_damaged_memories_are_not_believed(user: Cw, damage: bytes) -> None:
    again(user)
    (path,) = memories(user)
    path.write_bytes(damage)
    assert HONEST in again(user)


@pytest.mark.parametrize("line", ["file\tapp.txt", "installed", "unheard-of\tx\ty", "listed\tnothing"])
def test_sealed_nonsense_is_not_believed(user: Cw, line: str) -> None:
    again(user)
    forge(user)
    (path,) = memories(user)
    lines = unseal("unchanged", path.read_bytes())
    assert lines is not None
    path.write_bytes(seal("unchanged", [*lines, line]))
    assert HONEST in again(user)
