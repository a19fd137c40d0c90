"""Whatever others wrote into names, reasons and addresses, a terminal is told nothing but text."""

import json

import pytest

from commonwheel.cli import json_output
from commonwheel.cli.console import Console
from commonwheel.errors import CommonwheelError

HOSTILE = "a\x1b[31mred\x1b]0;title\x07\x9b2J\r\x00\x7f\u202eexe\u2066x\u200f\u2028b"
PLAIN = r"a\x1b[31mred\x1b]0;title\x07\x9b2J\r\x00\x7f\u202eexe\u2066x\u200f\u2028b"


@pytest.fixture
def console() -> Console:
    return Console(verbose=1, color="always")


@pytest.mark.parametrize("way", ["out", "raw", "say", "detail", "warning", "trouble"])
def test_controls_are_escaped(console: Console, capsys: pytest.CaptureFixture[str], way: str) -> None:
    getattr(console, way)(f"{HOSTILE} é\N{SNOWMAN}")
    ran = capsys.readouterr()
    assert f"{PLAIN} é\N{SNOWMAN}" in ran.out + ran.err


def test_controls_in_lines_and_errors_are_escaped(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.lines([HOSTILE, "second\nforged"])
    error = CommonwheelError(HOSTILE + "\nerror: forged", context=(HOSTILE, "log\nhint: forged"), hint=HOSTILE)
    console.error(error)
    ran = capsys.readouterr()
    assert ran.out == f"{PLAIN}\nsecond\\nforged\n"
    lines = ran.err.splitlines()
    assert [line.count(PLAIN) for line in lines] == [1, 1, 0, 0, 0, 1]
    assert lines[0].endswith("\\nerror: forged")
    assert lines[3] == "  hint: forged"


def test_only_own_styles_reach_the_terminal(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.say(f"{console.style('x' + HOSTILE, 'bold', 'red')} then {console.style('y', 'dim')} \x1b[32mgreen")
    assert capsys.readouterr().err == f"\x1b[1;31mx{PLAIN}\x1b[0m then \x1b[2my\x1b[0m \\x1b[32mgreen\n"


def test_warning_is_one_line(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.warning("yanked: x\nerror: forged")
    assert capsys.readouterr().err.count("\n") == 1


def test_raw_text_keeps_its_line_ends(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.raw("a\n\tb\n")
    assert capsys.readouterr().out == "a\n\tb\n"


@pytest.mark.parametrize("compact", [True, False])
def test_json_stays_json(console: Console, capsys: pytest.CaptureFixture[str], compact: bool) -> None:
    json_output.show(console, {HOSTILE: [HOSTILE]}, compact=compact)
    printed = capsys.readouterr().out
    assert json.loads(printed) == {HOSTILE: [HOSTILE]}
    assert printed.replace("\n", "").isprintable()
