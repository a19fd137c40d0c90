"""Asking once, remembering, and describing virtual environments that were never asked."""

import binascii
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel import process
from commonwheel.model import Interpreter
from commonwheel.python import interpreter, venv
from kit import pythons as kit

PATHS = """
import json, os, sys, sysconfig
print(json.dumps({
    "path": [os.path.abspath(p) for p in sys.path if p], "paths": sysconfig.get_paths(), "prefix": sys.prefix,
    "base_prefix": sys.base_prefix, "executable": sys.executable,
}))
"""


def asked(python: str) -> Interpreter:
    """Return what the interpreter says itself, without any memory and without a base."""
    memory = kit.Remember()
    facts = interpreter._known(python, "", memory, process.run, ())
    return interpreter._interpreter(facts)


def test_second_query_starts_no_process() -> None:
    memory, run = kit.Remember(), kit.Counted()
    first = interpreter.probe(kit.newest(), memory, run)
    assert len(run.ran) == 1
    assert interpreter.probe(kit.newest(), memory, run) == first
    assert len(run.ran) == 1


@pytest.mark.parametrize("version", list(kit.pythons()))
@pytest.mark.parametrize("tool", ["venv", "uv", "virtualenv"])
@pytest.mark.parametrize("system", [False, True], ids=["alone", "system"])
def test_environment_is_described_without_asking_it(version: str, tool: str, system: bool, place: str) -> None:
    python = kit.make_environment(tool, kit.pythons()[version], os.path.join(place, "env $HOME"), system=system)
    base = kit.probed(kit.pythons()[version])
    kit.probed(base.base_executable)
    run = kit.Counted()
    derived = interpreter.probe(python, kit.MEMORY, run)
    assert not run.ran
    assert derived == asked(python)
    said = kit.says(python, PATHS)
    assert isinstance(said, dict)
    assert list(derived.sys_path) == said["path"][: len(derived.sys_path)]
    assert [derived.prefix, derived.base_prefix, derived.executable] == [
        said["prefix"], said["base_prefix"], said["executable"],
    ]  # fmt: skip
    for name in ("purelib", "platlib", "scripts", "data", "stdlib"):
        assert derived.paths[name] == said["paths"][name]
    assert derived.tags == base.tags
    assert derived.base_executable == base.base_executable


@pytest.mark.parametrize("system", [False, True], ids=["alone", "system"])
def test_environment_of_debian_interpreter(system: bool, place: str) -> None:
    if not kit.debian():
        pytest.skip("not a Debian system")
    python = kit.make_environment("uv", kit.debian(), os.path.join(place, "env"), system=system)
    kit.probed(kit.probed(kit.debian()).base_executable)
    run = kit.Counted()
    derived = interpreter.probe(python, kit.MEMORY, run)
    assert not run.ran
    assert derived == asked(python)
    assert not derived.externally_managed
    assert ("/usr/lib/python3/dist-packages" in derived.sys_path) is system
    said = kit.says(python, PATHS)
    assert isinstance(said, dict)
    assert list(derived.sys_path) == said["path"][: len(derived.sys_path)]


def test_unknown_base_is_asked_once_for_all_environments(place: str) -> None:
    first = kit.make_environment("uv", kit.newest(), os.path.join(place, "one"))
    second = kit.make_environment("venv", kit.newest(), os.path.join(place, "two"))
    memory, run = kit.Remember(), kit.Counted()
    interpreter.probe(first, memory, run)
    interpreter.probe(second, memory, run)
    assert len(run.ran) == 1
    assert run.ran[0][0] == kit.probed(kit.newest()).base_executable


def break_config(root: str, change: str) -> None:
    path = os.path.join(root, "pyvenv.cfg")
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    if change == "version":
        lines = [line for line in lines if not line.startswith("version")] + ["version = 3.7.1"]
    elif change == "home":
        lines = [f"home = {root}" if line.startswith("home") else line for line in lines]
    elif change == "no home":
        lines = [line for line in lines if not line.startswith("home")]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


@pytest.mark.parametrize("change", ["version", "home", "copies", "sitecustomize", "_manylinux", "no site-packages"])
def test_uncertain_facts_are_asked(change: str, place: str) -> None:
    root = os.path.join(place, "env")
    python = kit.make_environment("venv-copies" if change == "copies" else "venv", kit.newest(), root)
    base = kit.probed(kit.newest())
    kit.probed(base.base_executable)
    site = os.path.join(root, base.venv_paths["purelib"])
    if change in ("sitecustomize", "_manylinux"):
        with open(f"{site}/{change}.py", "w", encoding="utf-8") as file:
            file.write("manylinux2014_compatible = False\n")
    elif change == "no site-packages":
        shutil.rmtree(site)
    else:
        break_config(root, change)
    run = kit.Counted()
    told = interpreter.probe(python, kit.MEMORY, run)
    assert [argv[0] for argv in run.ran] == [python]
    assert told.prefix == root
    tag = f"cp{told.version[0]}{told.version[1]}-none-manylinux2014_x86_64"
    assert (tag in told.tags) is (change != "_manylinux" and tag in kit.probed(kit.newest()).tags)


def test_manylinux_module_of_base_is_ignored_in_environments(place: str) -> None:
    base = kit.lay_out_interpreter(os.path.join(place, "opt"))
    site = interpreter.probe(base, kit.Remember(), process.run).paths["purelib"]
    before = interpreter.probe(base, memory := kit.Remember(), process.run)
    with open(f"{site}/_manylinux.py", "w", encoding="utf-8") as file:
        file.write("def manylinux_compatible(*_):\n    return False\n")
    after = interpreter.probe(base, memory, process.run)
    assert before.tags != after.tags
    python = kit.make_environment("uv", base, os.path.join(place, "env"))
    assert interpreter.probe(python, memory, process.run).tags == before.tags
    os.remove(f"{site}/_manylinux.py")
    assert interpreter.probe(base, memory, process.run).tags == before.tags


def test_replaced_interpreter_is_asked_again(place: str) -> None:
    python = kit.lay_out_interpreter(os.path.join(place, "opt"))
    memory, run = kit.Remember(), kit.Counted()
    interpreter.probe(python, memory, run)
    status = os.stat(python)
    shutil.copyfile(kit.probed(kit.newest()).base_executable, python + ".new")
    os.chmod(python + ".new", 0o755)
    os.utime(python + ".new", ns=(status.st_atime_ns, status.st_mtime_ns))
    os.rename(python + ".new", python)
    interpreter.probe(python, memory, run)
    assert len(run.ran) == 2


def test_cache_depends_on_machine_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, run = kit.Remember(), kit.Counted()
    interpreter.probe(kit.newest(), memory, run)
    monkeypatch.setattr(interpreter, "_machine", lambda: ("Linux", "x86_64", "glibc 2.17"))
    interpreter.probe(kit.newest(), memory, run)
    assert len(run.ran) == 2
    interpreter.probe(kit.newest(), memory, run, search=("/somewhere",))
    assert len(run.ran) == 3


def test_kernel_release_is_not_cached() -> None:
    memory = kit.Remember()
    interpreter.probe(kit.newest(), memory, process.run)
    (key,) = memory.kept
    release = os.uname().release
    memory.kept[key] = memory.kept[key].replace(release.encode(), b"2.6.32-old")
    assert interpreter.probe(kit.newest(), memory, process.run).markers["platform_release"] == release


@pytest.mark.parametrize("name", ["new\nline", "tab\tback\\slash", "raw \udcff byte", " é ☃ "])
def test_any_path_round_trips_in_the_cache(name: str, place: str) -> None:
    python = kit.lay_out_interpreter(os.path.join(place, name))
    memory, run = kit.Remember(), kit.Counted()
    first = interpreter.probe(python, memory, run)
    assert first.prefix == os.path.join(place, name)
    assert interpreter.probe(python, memory, run) == first
    assert len(run.ran) == 1


WHOLE = kit.Remember()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_cache_is_at_worst_a_miss(data: st.DataObject) -> None:
    whole = interpreter.probe(kit.newest(), WHOLE, process.run)
    ((key, kept),) = WHOLE.kept.items()
    cut = data.draw(st.integers(0, len(kept)))
    memory = kit.Remember()
    memory.kept[key] = kept[:cut] + data.draw(st.binary(max_size=40)) + kept[cut + data.draw(st.integers(0, 60)) :]

    def run(argv: Sequence[str], *, timeout: float | None = None) -> process.Finished:
        raise interpreter.InterpreterError("asked")

    try:
        told = interpreter.probe(kit.newest(), memory, run)
    except interpreter.InterpreterError:
        assert memory.kept[key] != kept
    else:
        assert told == whole


def test_cache_of_another_format_is_a_miss() -> None:
    memory, run = kit.Remember(), kit.Counted()
    interpreter.probe(kit.newest(), memory, run)
    (key,) = memory.kept
    identity = memory.kept[key].split(b"\n")[2]
    body = identity + b"\nversion\t3.12.1\nend\n"
    memory.kept[key] = b"commonwheel-interpreter 1\n%08x\n" % binascii.crc32(body) + body
    interpreter.probe(kit.newest(), memory, run)
    assert len(run.ran) == 2


def script(path: str, text: str) -> str:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#!/bin/sh\necho 'no such version' >&2\nexit 127\n", "no such version"),
        ("#!/bin/sh\nexit 0\n", "status 0"),
        ("#!/bin/sh\necho commonwheel-probe 1\necho end\n", "status 0"),
        ("#!/bin/sh\necho 'Unknown option: -I' >&2\nexit 2\n", "older than Python 3.4"),
        ("#!/nonexistent/python\n", ""),
    ],
)
def test_non_python_executable_has_a_reason(text: str, expected: str, tmp_path: object) -> None:
    path = script(f"{tmp_path}/python", text)
    with pytest.raises(interpreter.InterpreterError) as caught:
        interpreter.probe(path, kit.Remember(), process.run)
    assert f"`{path}`" in caught.value.message
    assert expected in "\n".join(caught.value.context)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("kind", ["nothing", "dangling", "directory", "not executable"])
def test_missing_executable(kind: str, tmp_path: object) -> None:
    path = f"{tmp_path}/python"
    if kind == "dangling":
        os.symlink("nowhere", path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "not executable":
        shutil.copyfile(kit.newest(), path)
    with pytest.raises(interpreter.InterpreterError) as caught:
        interpreter.probe(path, kit.Remember(), process.run)
    assert caught.value.context


def test_old_interpreter_is_refused_with_its_version(tmp_path: object) -> None:
    real = subprocess.run(
        [kit.newest(), "-I", "-S", interpreter.PROBE], capture_output=True, check=True, text=True
    ).stdout
    version = ".".join(map(str, kit.probed(kit.newest()).version))
    path = script(
        f"{tmp_path}/python", f"#!/bin/sh\ncat <<'end-of-text'\n{real.replace(version, '3.6.15')}end-of-text\n"
    )
    with pytest.raises(interpreter.UnsupportedInterpreter, match=r"3\.6\.15"):
        interpreter.probe(path, kit.Remember(), process.run)


def test_wrapper_is_asked_every_time_and_its_target_cached(tmp_path: object) -> None:
    path = script(f"{tmp_path}/python", f'#!/bin/sh\nexec "{kit.newest()}" "$@"\n')
    memory, run = kit.Remember(), kit.Counted()
    told = interpreter.probe(path, memory, run)
    assert told.executable == kit.newest()
    interpreter.probe(path, memory, run)
    assert len(run.ran) == 2
    interpreter.probe(kit.newest(), memory, run)
    assert len(run.ran) == 2


def test_pythonpath_variable() -> None:
    assert interpreter.python_path({}, "/x") == ()
    assert interpreter.python_path({"PYTHONPATH": ""}, "/x") == ()
    assert interpreter.python_path({"PYTHONPATH": "a:/b::a"}, "/x") == ("/x/a", "/b", "/x")


WARM = """
import sys
from commonwheel.python import environment, installed, venv
from commonwheel.python.discovery import Surroundings

class Memory:
    def get(self, key): return open(sys.argv[2], "rb").read()
    def put(self, key, data): raise SystemError("nothing is to be learnt")

def run(argv, *, timeout=None): raise SystemError("nothing is to be started")

where = Surroundings({"VIRTUAL_ENV": sys.argv[1]}, "/", Memory(), run)
found = environment.locate(environment.EnvironmentRequest(), where)
installed.installed(found)
environment.refuse_if_managed(found, False, {})
venv.create(sys.argv[3], found.interpreter)
print(" ".join(sys.modules))
"""
HEAVY = frozenset(
    [
        "re",
        "json",
        "typing",
        "dataclasses",
        "subprocess",
        "packaging",
        "sysconfig",
        "platform",
        "configparser",
        "email",
        "collections",
        "functools",
        "enum",
        "threading",
        "pathlib",
        "contextlib",
        "tempfile",
        "shutil",
        "logging",
        "importlib.metadata",
    ]
)


def test_cached_interpreter_loads_nothing_heavy(place: str) -> None:
    root = venv.create(os.path.join(place, "env"), kit.probed(kit.newest()))
    memory = kit.Remember()
    interpreter.probe(f"{root}/bin/python", memory, process.run)
    (kept,) = memory.kept.values()
    with open(os.path.join(place, "kept"), "wb") as file:
        file.write(kept)
    source = os.path.dirname(os.path.dirname(os.path.dirname(interpreter.__file__)))
    answer = subprocess.run(
        [sys.executable, "-S", "-c", WARM, root, file.name, os.path.join(place, "other")],
        capture_output=True, text=True, check=True, env={"PATH": "", "PYTHONPATH": source},
    )  # fmt: skip
    assert not set(answer.stdout.split()) & HEAVY
    assert os.path.isfile(os.path.join(place, "other", "pyvenv.cfg"))
