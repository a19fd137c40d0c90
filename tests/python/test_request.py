"""What can be written after `--python`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.model import Interpreter
from commonwheel.python import request
from commonwheel.python.request import PythonRequest, parse


def some(version: str, implementation: str = "cpython", abi: str = "") -> Interpreter:
    numbers = version.replace("rc", ".").replace("b", ".").replace("+", ".").split(".")
    release = (int(numbers[0]), int(numbers[1]), int(numbers[2]))
    name = f"cp{release[0]}{release[1]}"
    return Interpreter(
        "/x/python", release, implementation, "/x", "/x", "/x/python", {}, (),
        {"python_full_version": version}, (f"{name}-{abi or name}-linux_x86_64",),
    )  # fmt: skip


FITS = [
    ("", ["3.8.1", "3.13.0"], []),
    ("any", ["3.8.1"], []),
    ("3", ["3.8.1", "3.13.0"], []),
    ("3.12", ["3.12.0", "3.12.9"], ["3.11.1", "3.1.2"]),
    ("3.12.1", ["3.12.1"], ["3.12.10", "3.12.0"]),
    ("312", ["3.12.4"], ["3.1.2"]),
    ("python3.12", ["3.12.1"], ["3.13.1"]),
    ("python3", ["3.12.1"], []),
    ("cpython@3.12", ["3.12.1"], ["3.11.1"]),
    ("cpython3.12", ["3.12.1"], ["3.11.1"]),
    ("CPython3.12", ["3.12.1"], ["3.11.1"]),
    ("cp312", ["3.12.1"], ["3.11.1"]),
    ("cpython", ["3.12.1"], []),
    ("cpython-3.12.1-linux-x86_64-gnu", ["3.12.1"], ["3.12.2"]),
    (">=3.10", ["3.10.0", "3.13.0", "3.14.0rc1"], ["3.9.9"]),
    (">=3.10,<3.12", ["3.11.9"], ["3.12.0", "3.9.1"]),
    ("==3.12.*", ["3.12.9"], ["3.13.0"]),
    ("~=3.11", ["3.12.1"], ["3.10.1"]),
    ("!=3.12.1", ["3.12.2"], ["3.12.1"]),
    ("3.14.0rc1", ["3.14.0rc1"], ["3.14.0", "3.14.0rc2"]),
    ("3.13.0", ["3.13.0+local"], []),
]


@pytest.mark.parametrize(("text", "fitting", "other"), FITS, ids=[row[0] or "nothing" for row in FITS])
def test_versions(text: str, fitting: list[str], other: list[str]) -> None:
    wanted = parse(text)
    assert wanted.kind in ("any", "version")
    for version in fitting:
        assert wanted.fits(some(version)), version
    for version in other:
        assert not wanted.fits(some(version)), version


def test_implementations() -> None:
    pypy = some("3.10.14", "pypy", "pypy310_pp73")
    for text in ("pypy", "pypy3.10", "pypy@3.10", "pp310", "pypy-3.10"):
        assert parse(text).fits(pypy)
        assert not parse(text).fits(some("3.10.14"))
    assert not parse("cpython3.10").fits(pypy)
    assert parse("3.10").fits(pypy)
    assert parse("graalpy").implementation == "graalpy"


def test_free_threaded_builds_need_a_request() -> None:
    threaded, usual = some("3.13.1", abi="cp313t"), some("3.13.1")
    for text in (
        "3.13t",
        "python3.13t",
        "cpython@3.13t",
        "3.13+freethreaded",
        "cpython-3.13.1+freethreaded-linux-x86_64-gnu",
    ):
        assert parse(text).fits(threaded)
        assert not parse(text).fits(usual)
    assert not parse("3.13").fits(threaded)
    assert not parse(">=3.13").fits(threaded)
    assert parse("").fits(threaded)
    assert request.is_free_threaded(some("3.13.1", abi="cp313td"))
    assert not request.is_free_threaded(some("3.10.1", "pypy", "pypy310_t"))


@pytest.mark.parametrize("text", ["/usr/bin/python3", "./env", ".venv", "../x", "~/env", "env/bin/python", "~"])
def test_paths(text: str) -> None:
    assert parse(text) == PythonRequest(text, "path")


@pytest.mark.parametrize(
    "text",
    [
        "python",
        "mypython",
        "env",
        "python-argcomplete",
        "pp",
        "cp",
        "pypy@",
        "python3x",
        "python3-dbg",
        "3.12-beta",
        "-",
    ],
)
def test_names(text: str) -> None:
    assert parse(text).kind == "name"


@pytest.mark.parametrize("text", ["2.7", "3.x", "4", "3.12.1.1", ">=", ">=3.x", "<3,abc", "python2.7"])
def test_impossible_requests(text: str) -> None:
    with pytest.raises(request.InvalidRequest) as caught:
        parse(text)
    assert caught.value.exit_status == 2
    assert f"`{text}`" in caught.value.message
    assert caught.value.hint


def test_prereleases() -> None:
    assert request.is_prerelease(some("3.14.0rc1"))
    assert not request.is_prerelease(some("3.14.0"))
    assert not request.is_prerelease(some("3.14.0+local"))
    assert parse("3.14.0rc1").explains_prerelease
    assert parse(">=3.14.0b1").explains_prerelease
    assert not parse(">=3.14").explains_prerelease


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", "any Python"), ("3.12", "Python 3.12"), (">=3.9", "Python >=3.9"), ("pypy", "`pypy`"), ("/x", "`/x`")],
)
def test_request_texts(text: str, shown: str) -> None:
    assert str(parse(text)) == shown


@given(st.text(alphabet=st.sampled_from("cpythongralpy3.120t@-+~<>=!, /rb"), max_size=12))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        wanted = parse(text)
    except request.InvalidRequest:
        return
    assert wanted.kind in ("any", "version", "path", "name")
    assert isinstance(wanted.fits(some("3.12.1")), bool)
