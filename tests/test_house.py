"""The shape of the house: who may do what, what mirrors what, what a warm command may not load."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "commonwheel"
FILES = sorted(path for path in SOURCE.rglob("*.py"))

# Who may touch what. Files that run inside other interpreters are guests, stdlib only, and exempt.
GUESTS = {"python/probe.py", "install/compile_worker.py", "build/hook_server.py"}
DISK_CALLS = {
    "mkdir", "makedirs", "rename", "renames", "replace", "link", "symlink", "unlink", "remove", "rmdir", "removedirs", "chmod",
    "fchmod", "chown", "fchown", "lchown", "truncate", "ftruncate", "utime", "mkfifo", "mknod",
}  # fmt: skip
SPAWN_CALLS = {
    "fork",
    "system",
    "popen",
    "execv",
    "execve",
    "execvp",
    "execvpe",
    "posix_spawn",
    "posix_spawnp",
    "spawnv",
}


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def os_calls(path: Path) -> set[str]:
    return {
        node.func.attr
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "os"
    }


def opens_for_writing(path: Path) -> bool:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            mode = (
                node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "mode"), None)
            )
            if isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax+"):
                return True
    return False


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_the_disk_room_changes_the_disk(path):
    if relative(path).startswith("fs/") or relative(path) in GUESTS:
        return
    assert not os_calls(path) & DISK_CALLS
    assert not opens_for_writing(path)
    assert not imported(path) & {"shutil", "tempfile", "fcntl"}


# What an environment carries, and what is looked for on the way up: its names. Nobody opens these but through `fs.found`.
FOUND_NAMES = {
    ".cw", ".venv", ".python-version", "pyvenv.cfg", "cw.toml", "uv.toml", "journal", "history", "snapshots", "lock", "unsettled-",
}  # fmt: skip
# Where a file with such a name in its text opens another one by path: what the user named, or what cw itself has just made.
OPENED_BY_NAME = {
    "settings.py": {"_named"},  # --config-file
    "session.py": {"read_text", "project", "hash_file", "_metadata_fields"},  # the words of a command, and an entry
    "build/builder.py": {"_content"},  # what a build has made
}


def opening_functions(path: Path) -> set[str]:
    """Return the functions of a file that open a file or directory by its path, or read one through `pathlib`."""
    found = set()

    def look(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id == "open":
                found.add(function)
            if isinstance(called, ast.Attribute):
                of = called.value.id if isinstance(called.value, ast.Name) else ""
                if (called.attr == "open" and of in {"os", "io"}) or called.attr == "read_bytes":
                    found.add(function)
        for child in ast.iter_child_nodes(node):
            look(child, function)

    look(tree(path), "")
    return found


def names_in_text(path: Path) -> set[str]:
    """Return the parts of paths that stand in the texts of a file, docstrings left out."""
    top = tree(path)
    told = {
        id(node.value) for node in ast.walk(top) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = [
        node.value
        for node in ast.walk(top)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]
    return {part for text in texts if " " not in text for part in text.split("/")}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_what_is_discovered_is_opened_by_found_alone(path):
    """State, configuration on the way up and environments may be another user's: `fs.found` asks whose they are."""
    if relative(path).startswith("fs/") or relative(path) in GUESTS:
        return
    if names_in_text(path) & FOUND_NAMES:
        assert opening_functions(path) <= OPENED_BY_NAME.get(relative(path), set())


def test_the_law_of_what_is_discovered_sees_an_opened_file(tmp_path):
    """The law above has to see what it forbids."""
    path = tmp_path / "bad.py"
    for call in ("open(path)", "os.open(path, 0)", "Path(path).read_bytes()"):
        path.write_text(f'def bad(root):\n    """Read .venv."""\n    path = f"{{root}}/.cw/x"\n    return {call}\n')
        assert opening_functions(path) == {"bad"}
        assert names_in_text(path) & FOUND_NAMES == {".cw"}
    path.write_text('def good():\n    """Look at .venv"""\n    return self.open()\n')
    assert opening_functions(path) == set()
    assert not names_in_text(path) & FOUND_NAMES


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_process_spawns(path):
    if relative(path) in GUESTS | {"process.py", "copies.py"}:
        return
    assert not os_calls(path) & SPAWN_CALLS
    assert not imported(path) & {"subprocess", "multiprocessing", "pty"}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_the_network_room_opens_sockets(path):
    if relative(path).startswith("net/"):
        return
    assert not imported(path) & {"socket", "ssl", "http.client", "urllib.request", "pycurl", "asyncio"}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_the_console_prints(path):
    if relative(path) in GUESTS | {"cli/console.py"}:
        return
    calls = {
        node.func.id for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "print" not in calls
    assert "input" not in calls


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_the_session_imports_late(path):
    # ctypes costs 4 ms, and serves file systems without hard links alone
    if relative(path) in GUESTS | {"session.py", "fs/_linux.py"}:
        return
    late = [
        inner.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not late


@pytest.mark.parametrize(
    "room", [path for path in SOURCE.iterdir() if (path / "__init__.py").is_file()], ids=lambda p: p.name
)
def test_the_door_of_a_room_is_empty(room):
    if room.name == "cli":
        return
    assert (room / "__init__.py").read_text() == ""


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_file_says_what_it_is_for(path):
    if path.name == "__init__.py" and path.parent != SOURCE:
        return
    assert ast.get_docstring(tree(path)), f"{relative(path)} has no docstring"


def test_no_address_of_a_registry_is_written_anywhere():
    """The default index is asked of the installed pip, at run time; its host must not stand in any tracked file."""
    pytest.importorskip("pip")
    from pip._internal.models.index import PyPI

    hosts = [PyPI.netloc, PyPI.file_storage_domain]
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in tracked:
        path = ROOT / os.fsdecode(name)
        if name and path.is_file():
            data = path.read_bytes()
            assert not any(host.encode() in data for host in hosts), path


def loaded_by(*words: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> set[str]:
    """Return the modules that a command loads beyond those of a bare interpreter."""
    code = (
        "import sys; bare = set(sys.modules); from commonwheel.cli import main\n"
        f"try: main({list(words)!r})\n"
        "finally: sys.stderr.write('\\nLOADED ' + ' '.join(sorted(set(sys.modules) - bare)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {[str(SOURCE.parent)]!r}\n{code}"],
        capture_output=True, text=True, cwd=cwd, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(env or {})}, check=False,
    )  # fmt: skip
    assert "LOADED " in done.stderr, done.stderr
    return set(done.stderr.rpartition("LOADED ")[2].split())


HEAVY = {
    "dataclasses", "typing", "json", "re", "email", "zipfile", "tomllib", "logging", "packaging", "http", "ssl", "argparse",
    "asyncio", "inspect", "subprocess", "hashlib", "pycurl", "rich", "tomlkit", "pyproject_hooks", "isal", "urllib.parse",
    "traceback", "threading", "enum", "pathlib", "shutil", "tempfile", "csv", "configparser", "difflib", "contextlib",
    "collections", "functools",
}  # fmt: skip


def test_the_version_loads_next_to_nothing():
    loaded = loaded_by("--version")
    assert len([name for name in loaded if name.startswith("commonwheel")]) <= 5
    assert not loaded & HEAVY


def test_help_of_a_command_loads_no_command():
    loaded = loaded_by("pip", "install", "--help")
    assert not loaded & HEAVY
    assert not [
        name for name in loaded if name.startswith(("commonwheel.commands", "commonwheel.session", "commonwheel.store"))
    ]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """An environment with a few packages, and a store that knows its interpreter."""
    from kit.wheels import make_wheel

    base = tmp_path_factory.mktemp("warm house")
    for name, needs in (("alpha", ["beta>=1"]), ("beta", [])):
        make_wheel(base / "wheels", name, "1.0", {f"{name}.py": "x = 1\n"}, requires=needs)
    (base / "requirements.txt").write_text("alpha\nbeta>=1 ; python_version > '3'\n")
    env = {"CW_CACHE_DIR": str(base / "store")}
    run = [sys.executable, "-m", "commonwheel"]
    where = {**os.environ, **env}
    subprocess.run([*run, "venv", "v"], cwd=base, env=where, check=True)
    install = [*run, "pip", "install", "-p", "v", "--no-index", "-f", "wheels", "-r", "requirements.txt"]
    subprocess.run(install, cwd=base, env=where, check=True)
    return base, env


@pytest.mark.parametrize(
    "words",
    [
        ("pip", "list", "-p", "v"),
        ("pip", "freeze", "-p", "v"),
        ("pip", "check", "-p", "v"),
        ("pip", "install", "-p", "v", "--no-index", "-f", "wheels", "-r", "requirements.txt"),
        ("venv", "again", "-p", "v"),
    ],
    ids=" ".join,
)
def test_a_warm_command_loads_nothing_heavy(furnished, words):
    base, env = furnished
    loaded = loaded_by(*words, cwd=base, env=env)
    # what `pip check` says of scripts it takes from `install.verify`, which hashes files for others
    assert not loaded & (HEAVY - {"hashlib"} if "check" in words else HEAVY)


LOOKING = {"cli", "commands", "errors", "events", "fs", "model", "python", "session", "settings", "specs", "store"}


@pytest.mark.parametrize(
    ("words", "rooms"),
    [
        ("pip list -p v", LOOKING),
        ("pip freeze -p v", LOOKING),
        ("venv once-more -p v --clear", LOOKING),
        ("pip install -p v --no-index -f wheels -r requirements.txt", LOOKING | {"install", "road"}),
    ],
)
def test_a_warm_command_enters_few_rooms(furnished, words, rooms):
    base, env = furnished
    loaded_by(*words.split(), cwd=base, env=env)
    loaded = {name for name in loaded_by(*words.split(), cwd=base, env=env) if name.startswith("commonwheel.")}
    assert {name.split(".")[1] for name in loaded} <= rooms
    # help is for those who ask for it; what was satisfied the last time is not read again
    unread = {"cli.help", "commands.asking", "commands.satisfied", "commands.install", "road.resolving", "store.store"}
    assert not loaded & {f"commonwheel.{name}" for name in unread}


def test_a_warm_installation_loads_neither_network_nor_builds(furnished):
    base, env = furnished
    where = {**os.environ, **env}
    subprocess.run([sys.executable, "-m", "commonwheel", "venv", "fresh"], cwd=base, env=where, check=True)
    loaded = loaded_by(
        "pip", "install", "-p", "fresh", "--no-index", "-f", "wheels", "-r", "requirements.txt", cwd=base, env=env
    )
    assert not [
        name
        for name in loaded
        if name.startswith(("commonwheel.net.client", "commonwheel.build", "commonwheel.road.material"))
    ]
    assert not loaded & HEAVY
