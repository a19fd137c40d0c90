"""The table of commands, and what happens around every command: options anywhere, help, exit statuses, streams, faults."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commonwheel import __version__
from commonwheel.cli import ALIASES, COMMANDS, load
from commonwheel.settings.options import OPTIONS
from kit.cli import Cw


@pytest.fixture
def cw(tmp_path: Path) -> Cw:
    return Cw(tmp_path)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_importable_and_has_help(cw: Cw, name: str) -> None:
    arguments, functions, shower, summary = COMMANDS[name]
    assert all(key in OPTIONS for key in load(arguments).names())
    assert all(callable(load(function, "commands")) for function in functions.split())
    assert callable(load(shower))
    shown = cw(*name.split(), "--help").ok()
    assert f"Usage: cw {name}" in shown.out
    assert shown.err == ""
    assert cw("help", *name.split()).ok().out == shown.out
    assert summary in cw("help").ok().out


def test_version(cw: Cw) -> None:
    for words in (["--version"], ["-V"], ["self", "version"]):
        assert cw(*words).ok().out == f"cw {__version__}\n"
    assert cw("self", "version", "--short").ok().out == f"{__version__}\n"
    assert json.loads(cw("self", "version", "--json").ok().out) == f"cw {__version__}"


def ended(before: str) -> subprocess.CompletedProcess[bytes]:
    """Run `cw --version` as a process of its own that does something else first."""
    code = f"import atexit, os, sys, threading\n{before}\nfrom commonwheel.cli import run; sys.argv[1:] = ['--version']; run()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)


@pytest.mark.parametrize(
    ("before", "last", "status"),
    [
        ("", b"", 0),
        ("atexit.register(os.write, 1, b'registered')", b"registered", 0),
        # this one ends only where Python waits for its threads
        (
            "threading.Thread(target=lambda me=threading.current_thread(): (me.join(), os.write(1, b'joined'))).start()",
            b"joined",
            0,
        ),
        # Python's own status for an output that cannot be written
        ("sys.stderr = open('/dev/full', 'w'); sys.stderr.write('lost')", b"", 120),
    ],
    ids=["nothing", "registered", "thread", "full"],
)
def test_process_exits_at_once_and_flushes(before: str, last: bytes, status: int) -> None:
    done = ended(before)
    assert (done.stdout, done.returncode) == (f"cw {__version__}\n".encode() + last, status), done.stderr


@pytest.mark.parametrize("words", ["--version", "help", "cache dir", "self version --json"])
def test_closed_output_is_reported_without_traceback(words: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "commonwheel", *words.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_process_skips_interpreter_shutdown() -> None:
    cleared = "class Last:\n    def __del__(self): os.write(1, b'cleared')\nlast = Last(); last.me = last"
    assert ended(cleared).stdout == f"cw {__version__}\n".encode()


@pytest.mark.parametrize(
    "line",
    [
        "--offline -q cache dir",
        "cache --offline dir -q",
        "-q cache dir --offline",
        "--color never cache --no-color dir",
        "cache dir --color=never",
    ],
)
def test_options_may_stand_anywhere(cw: Cw, line: str) -> None:
    assert cw(*line.split()).ok().out == cw.store + "\n"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("", 0, "Usage: cw <COMMAND>"),
        ("--help", 0, "Usage: cw <COMMAND>"),
        ("-h", 0, "Usage: cw <COMMAND>"),
        ("pip", 2, "pip install"),
        ("pip --help", 0, "pip install"),
        ("pip -q --help", 0, "pip install"),
        ("--help pip", 0, "pip install"),
        ("pip index", 2, "pip index versions"),
        ("help pip", 0, "pip install"),
        ("help pip index", 0, "pip index versions"),
        ("help nonsense", 0, "Usage: cw <COMMAND>"),
    ],
)
def test_overviews(cw: Cw, line: str, code: int, said: str) -> None:
    ran = cw(*line.split())
    assert (ran.code, ran.err) == (code, "")
    assert said in ran.out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("instal", "`cw instal`"),
        ("pip instal", "`pip install`"),
        ("pip nonsense", "`cw help`"),
        ("cache", None),
        ("pip install --upgrad x", "`--upgrade`"),
        ("--nonsense", "--nonsense"),
    ],
)
def test_unknown_commands_get_suggestions(cw: Cw, line: str, said: str | None) -> None:
    ran = cw(*line.split()).failed(2)
    if said is not None:
        assert said in ran.err
        assert ran.out == ""


def test_command_aliases(cw: Cw) -> None:
    cw("venv").ok()
    for name, meant in ALIASES.items():
        assert f"Usage: cw {meant}" in cw(*name.split(), "--help").ok().out
    assert cw("pip", "ls").ok().out == cw("pip", "list").ok().out


def test_internal_error_is_reported_as_a_bug(cw: Cw, monkeypatch: pytest.MonkeyPatch) -> None:
    from commonwheel.commands import cache

    def broken(session: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(cache, "directory", broken)
    ran = cw("cache", "dir")
    assert ran.code == 70
    assert "of all things" in ran.err
    assert "bug in Commonwheel" in ran.err


def test_interruption_has_its_own_status(cw: Cw, monkeypatch: pytest.MonkeyPatch) -> None:
    from commonwheel.commands import cache

    def interrupted(session: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "directory", interrupted)
    ran = cw("cache", "dir")
    assert (ran.code, ran.err) == (130, "interrupted\n")


def test_closed_pipe_is_silent(tmp_path: Path) -> None:
    """`cw help | head -1` is no failure and says nothing."""
    environ = {**os.environ, "CW_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", "from commonwheel.cli import main; raise SystemExit(main(['help']))"],
        stdout=write,
        stderr=subprocess.PIPE,
        env=environ,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_directory_option(cw: Cw) -> None:
    os.mkdir(cw.path("deep"))
    cw.write("deep/cw.toml", 'cert = "elsewhere"\n')
    for words in (("--directory", "deep"), ("--project", "deep")):
        assert cw.path("deep", "elsewhere") in cw(*words, "config", "cert").ok().out
    assert "`nowhere`" in cw("--directory", "nowhere", "cache", "dir").failed(2).err


# --- color ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "environ", "coloured"),
    [
        ([], {}, False),  # nobody looks
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"CLICOLOR_FORCE": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--no-color"], {"FORCE_COLOR": "1"}, False),
        (["--color", "auto"], {"FORCE_COLOR": "1"}, True),
    ],
)
def test_color_precedence(cw: Cw, words: list[str], environ: dict[str, str], coloured: bool) -> None:
    ran = cw("venv", "v", *words, environ=environ).ok()
    assert ("\x1b[" in ran.err) is coloured


# --- errors as data ----------------------------------------------------------------------------------------------------------


def test_quiet_twice_hides_errors_too(cw: Cw) -> None:
    assert "error:" in cw("pip", "list", "-p", "/nowhere/python").failed(2).err
    assert "error:" in cw("pip", "list", "-p", "/nowhere/python", "-q").failed(2).err
    assert cw("pip", "list", "-p", "/nowhere/python", "-qq").failed(2).err == ""


@pytest.mark.parametrize("words", [["--json"], ["--format", "json"], ["--output-format=json"]])
def test_errors_are_json_on_request(cw: Cw, words: list[str]) -> None:
    ran = cw("pip", "list", "-p", "/nowhere/python", *words).failed(2)
    told = json.loads(ran.out)
    assert set(told["error"]) == {"code", "message", "context", "hint"}
    assert "/nowhere/python" in told["error"]["message"]
    assert "error:" in ran.err  # people still read it


# --- completion ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cw pip ins", {"install", "inspect"}),
        ("cw ven", {"venv"}),
        ("cw pip install --upg", {"--upgrade", "--upgrade-package", "--upgrade-group"}),
    ],
)
def test_bash_completes_commands_and_options(cw: Cw, line: str, expected: set[str]) -> None:
    script = cw("generate-shell-completion", "bash").ok().out
    words = line.split()
    ask = f'{script}\nCOMP_WORDS=({" ".join(words)})\nCOMP_CWORD={len(words) - 1}\n_cw\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(cw: Cw, shell: str) -> None:
    assert "pip install" in cw("generate-shell-completion", shell).ok().out
    assert "bash, zsh and fish" in cw("generate-shell-completion", "csh").failed(2).err
