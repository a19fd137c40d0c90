"""install/scripts.py: what runs is a script that really starts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from commonwheel.install import scripts
from kit.shelf import environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("directory", ["plain", "with space", "it's", "x" * 150, "ünï"])
def test_wrapper_starts_its_interpreter_at_any_path(tmp_path: Path, directory: str) -> None:
    place = tmp_path / directory
    place.mkdir()
    python = place / "python"
    # a link to the interpreter that knows which modules there are
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "tool.py").write_text(
        "import sys\nclass App:\n    def run():\n        print(sys.argv[1:])\n        return 7\n"
    )
    script = tmp_path / "tool"
    script.write_bytes(scripts.wrapper(scripts.shebang(str(python)), "tool", "tool:App.run"))
    script.chmod(0o755)
    done = subprocess.run([script, "a b", "c"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("['a b', 'c']\n", 7), done.stderr
    assert scripts.interpreter_in(script.read_bytes()) == str(python)


def test_relocatable_script_finds_the_interpreter_beside_it(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    (made / "python").symlink_to(sys.executable)
    script = made / "tool"
    script.write_bytes(scripts.wrapper(scripts.shebang(str(made / "python"), relocatable=True), "tool", "os:getpid"))
    script.chmod(0o755)
    moved = tmp_path / "moved elsewhere"
    os.rename(made, moved)
    (tmp_path / "link").symlink_to(moved / "tool")
    assert subprocess.run([tmp_path / "link"], check=False).returncode != 127
    assert scripts.interpreter_in((moved / "tool").read_bytes()) == ""


def test_long_and_spaced_paths_use_a_shell() -> None:
    assert scripts.shebang("/e/bin/python") == b"#!/e/bin/python"
    limit = "/" + "x" * (scripts.SHEBANG_LIMIT - 4)
    assert scripts.shebang(limit) == b"#!" + limit.encode()
    assert scripts.shebang(limit + "x").startswith(b"#!/bin/sh\n'''exec' '/xxx")
    assert scripts.shebang("/a b/python") == b"#!/bin/sh\n'''exec' '/a b/python' \"$0\" \"$@\"\n' '''"


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("../up", "a:b"), ("a/b", "a:b"), ("", "a:b"), (".", "a:b"), ("python3.11", "a:b"), ("Python", "a:b"),
        ("ok", "a"), ("ok", "a:b;c"), ("ok", "a b:c"), ("ok", "a:"), ("new\nline", "a:b"),
    ],
)  # fmt: skip
def test_unsafe_entry_points_are_refused(name: str, reference: str) -> None:
    with pytest.raises(scripts.InvalidScript):
        scripts.wrapper(b"#!/p", name, reference)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"#!python\nx\n", b"#!/e/python\nx\n"),
        (b"#!pythonw\nx\n", b"#!/e/python\nx\n"),
        (b"#!python -E\nx\n", b"#!/e/python -E\nx\n"),
        (b"#!python\r\nx\r\n", b"#!/e/python\nx\r\n"),
        (b"#!python", b"#!/e/python\n"),
        (b"#!python3\nx\n", b"#!/e/python\nx\n"),
        (b"#!python3.12 -s\nx\n", b"#!/e/python -s\nx\n"),
        (b"#!python-config\nx\n", None),
        (b"#!/usr/bin/env python\nx\n", None),
        (b"#!/bin/sh\nx\n", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_generic_wheel_shebang_is_replaced(data: bytes, expected: bytes | None) -> None:
    assert scripts.with_shebang(data, b"#!/e/python") == expected


def test_arguments_and_the_coding_line_survive_a_shell(tmp_path: Path) -> None:
    place = tmp_path / "with space"
    place.mkdir()
    python = place / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    body = b"#!python -E -s\n# -*- coding: latin-1 -*-\nimport sys\n"
    body += b"print(ascii('\xe9'), sys.flags.ignore_environment, sys.flags.no_user_site, sys.argv[1:])\n"
    data = scripts.with_shebang(body, scripts.shebang(str(python)))
    assert data is not None
    script = tmp_path / "tool"
    script.write_bytes(data)
    script.chmod(0o755)
    done = subprocess.run([script, "a b"], capture_output=True, text=True, check=False)
    assert done.stdout == "'\\xe9' 1 1 ['a b']\n", done.stderr
    assert scripts.interpreter_in(data) == str(python)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"#!/e/bin/python -E\nx", "/e/bin/python"), (b"#!/usr/bin/env python\n", ""), (b"import x", ""), (b"", ""),
        (b"#!/bin/sh\necho\n", "/bin/sh"),
    ],
)  # fmt: skip
def test_interpreter_of_a_script_is_read(data: bytes, expected: str) -> None:
    assert scripts.interpreter_in(data) == expected


def test_environments_start_their_own_interpreter(tmp_path: Path) -> None:
    assert scripts.python_of(environment(str(tmp_path / "e"))) == f"{tmp_path}/e/bin/python"
    target = environment(str(tmp_path / "t"), "target")
    assert scripts.python_of(target) == target.interpreter.executable
