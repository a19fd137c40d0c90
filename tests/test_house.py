"""The shape of the house: who may do what, what mirrors what, what a warm command may not load."""

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "commonwheel"

# Who may touch what. Files that run inside other interpreters are guests, stdlib only, and exempt.
GUESTS = {"python/probe.py", "install/compile_worker.py", "build/hook_server.py"}
SPAWNERS = {"process.py", "concurrency/forked_workers.py"}
PRINTERS = {"cli/console.py"}
# ctypes costs 4 ms, and serves file systems without hard links alone
LATE_IMPORTERS = {"fs/_linux.py", *(f"session/{path.name}" for path in (SOURCE / "session").glob("*.py"))}
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


class SourceFile(NamedTuple):
    """One file of the package, parsed once: its path below the package, its tree, and what the laws ask of it."""

    path: str
    text: str
    tree: ast.Module
    imports: frozenset[str]
    os_calls: frozenset[str]
    name_calls: frozenset[str]


def read(path: Path) -> SourceFile:
    text = path.read_text()
    tree = ast.parse(text)
    imports: set[str] = set()
    os_calls: set[str] = set()
    name_calls: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                imports |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module)):
                imports.add(module)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=called)):
                os_calls.add(called)
            case ast.Call(func=ast.Name(id=called)):
                name_calls.add(called)
    return SourceFile(
        path.relative_to(SOURCE).as_posix(), text, tree, frozenset(imports), frozenset(os_calls), frozenset(name_calls)
    )


@functools.cache
def files() -> tuple[SourceFile, ...]:
    return tuple(read(path) for path in sorted(SOURCE.rglob("*.py")))


def opens_for_writing(file: SourceFile) -> bool:
    for node in ast.walk(file.tree) if "open" in file.name_calls else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            mode = (
                node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "mode"), None)
            )
            if isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax+"):
                return True
    return False


def late_imports(file: SourceFile) -> list[int]:
    return [
        inner.lineno
        for node in ast.walk(file.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]


def breaches(law: Callable[[SourceFile], object], *, exempt: Collection[str] = ()) -> dict[str, object]:
    """Return what each file that is not exempt does against a law, by file; a law answers with nothing where it is kept."""
    found = {file.path: law(file) for file in files() if file.path not in exempt}
    return {path: breach for path, breach in found.items() if breach}


def test_exemptions_name_existing_files() -> None:
    paths = {file.path for file in files()}
    assert not [name for name in GUESTS | SPAWNERS | PRINTERS | LATE_IMPORTERS if name not in paths]


def test_only_the_disk_room_changes_the_disk() -> None:
    def law(file: SourceFile) -> list[str]:
        if file.path.startswith("fs/"):
            return []
        found = (file.os_calls & DISK_CALLS) | (file.imports & {"shutil", "tempfile", "fcntl"})
        return sorted(found) + ["open for writing"] * opens_for_writing(file)

    assert breaches(law, exempt=GUESTS) == {}


# What an environment carries, and what is looked for on the way up: its names. Only `fs.found` opens these.
FOUND_NAMES = {
    ".cw", ".venv", ".python-version", "pyvenv.cfg", "cw.toml", "uv.toml", "journal", "history", "snapshots", "lock", "unsettled-",
}  # fmt: skip
# Where a file with such a name in its text opens another one by path: what the user named, or what cw itself has just made.
OPENED_BY_NAME = {
    "settings/settings.py": {"_named"},  # --config-file
    "install/uninstall.py": {"_read"},  # the metadata of a distribution
    "build/builder.py": {"_content"},  # what a build has made
}


def opening_functions(tree: ast.AST) -> set[str]:
    """Return the functions that open a file or directory by its path, or read one through `pathlib`."""
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

    look(tree, "")
    return found


def names_in_text(tree: ast.AST) -> set[str]:
    """Return the parts of paths in the string constants of a file, docstrings left out."""
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]
    return {part for text in texts if " " not in text for part in text.split("/")}


def discovers_by_path(file: SourceFile) -> set[str]:
    if file.path.startswith("fs/") or not names_in_text(file.tree) & FOUND_NAMES:
        return set()
    return opening_functions(file.tree) - OPENED_BY_NAME.get(file.path, set())


def test_discovered_files_are_opened_by_found_alone() -> None:
    """State, configuration on the way up and environments may be another user's: `fs.found` asks for the owner."""
    assert breaches(discovers_by_path, exempt=GUESTS) == {}


def test_found_law_detects_an_opened_file() -> None:
    for call in ("open(path)", "os.open(path, 0)", "Path(path).read_bytes()"):
        tree = ast.parse(f'def bad(root):\n    """Read .venv."""\n    path = f"{{root}}/.cw/x"\n    return {call}\n')
        assert opening_functions(tree) == {"bad"}
        assert names_in_text(tree) & FOUND_NAMES == {".cw"}
    tree = ast.parse('def good():\n    """Look at .venv"""\n    return self.open()\n')
    assert opening_functions(tree) == set()
    assert not names_in_text(tree) & FOUND_NAMES


def test_only_process_spawns() -> None:
    def law(file: SourceFile) -> list[str]:
        return sorted((file.os_calls & SPAWN_CALLS) | (file.imports & {"subprocess", "multiprocessing", "pty"}))

    assert breaches(law, exempt=GUESTS | SPAWNERS) == {}


def test_only_the_network_room_opens_sockets() -> None:
    modules = {"socket", "ssl", "http.client", "urllib.request", "pycurl", "asyncio"}
    assert breaches(lambda file: [] if file.path.startswith("net/") else sorted(file.imports & modules)) == {}


def test_only_the_console_prints() -> None:
    assert breaches(lambda file: sorted(file.name_calls & {"print", "input"}), exempt=GUESTS | PRINTERS) == {}


def test_only_the_session_imports_late() -> None:
    assert breaches(late_imports, exempt=GUESTS | LATE_IMPORTERS) == {}


def test_no_file_imports_itself_through_others() -> None:
    """Imports for the type checker count: two files that need each other's types are one file, or one of them keeps a Protocol."""
    names = {f"commonwheel.{file.path[:-3].replace('/', '.')}".removesuffix(".__init__"): file for file in files()}
    waiting: dict[str, set[str]] = {}
    for name, file in names.items():
        froms = [node for node in ast.walk(file.tree) if isinstance(node, ast.ImportFrom)]
        found = {one for node in froms for alias in node.names for one in (node.module, f"{node.module}.{alias.name}")}
        waiting[name] = {one for one in found if one is not None and one in names} - {name}
    while free := {name for name, needed in waiting.items() if not needed & waiting.keys()}:
        for name in free:
            del waiting[name]
    assert not waiting


def test_package_init_files_are_empty() -> None:
    def law(file: SourceFile) -> bool:
        return file.path.count("/") == 1 and file.path.endswith("/__init__.py") and file.text != ""

    assert breaches(law, exempt={"cli/__init__.py"}) == {}


def test_every_file_has_a_docstring() -> None:
    def law(file: SourceFile) -> bool:
        return not file.path.endswith("/__init__.py") and not ast.get_docstring(file.tree)

    assert breaches(law) == {}


# Source files without a test file of their own name, and the test file that covers them.
TESTED_BY = {
    # values and protocols, without behavior of their own
    "errors.py": "cli/test_main.py",
    "events.py": "cli/test_reporter.py",
    "model.py": "specs/test_requirement.py",
    "operations/request.py": "commands/test_gather.py",
    "session/run.py": "session/test_session.py",
    # what a command prints is tested together with the command
    "cli/json_output.py": "commands/test_listing.py",
    "cli/cache.py": "commands/test_cache.py",
    "cli/changes.py": "commands/test_install.py",
    "cli/config.py": "commands/test_config.py",
    "cli/doctor.py": "commands/test_doctor.py",
    "cli/environments.py": "commands/test_venv.py",
    "cli/history.py": "commands/test_history.py",
    "cli/pip.py": "commands/test_listing.py",
    "commands/change_report.py": "commands/test_install.py",
    "commands/summary_lines.py": "commands/test_install.py",
    # steps of a command that only a whole command reaches
    "__main__.py": "cli/test_main.py",
    "cli/crash_report.py": "cli/test_main.py",
    "cli/help.py": "cli/test_main.py",
    "commands/install_satisfied.py": "commands/test_install_no_change.py",
    "sources/archives.py": "sources/test_acquire.py",
    "operations/apply.py": "commands/test_install.py",
    "operations/compile_bytecode.py": "operations/test_bytecode.py",
    "operations/install_report.py": "commands/test_install.py",
    "operations/pylock_pins.py": "commands/test_compile.py",
    "operations/outdated.py": "commands/test_listing.py",
    "sources/projects.py": "commands/test_gather.py",
    "sources/built_wheels.py": "sources/test_acquire.py",
    "operations/restore.py": "commands/test_history.py",
    "operations/seed_pip.py": "commands/test_venv.py",
    "sources/source_trees.py": "sources/test_acquire.py",
    "session/builds.py": "sources/test_acquire.py",
    "session/configuration_files.py": "crowd/test_way_up.py",
    "session/environments.py": "commands/test_python.py",
    "session/network.py": "commands/test_networks.py",
    # projects are tested command by command, beside the real uv
    "cli/project.py": "project/test_syncing.py",
    "commands/add.py": "project/test_editing.py",
    "commands/export.py": "project/test_exporting.py",
    "commands/init.py": "project/test_init.py",
    "commands/lock.py": "project/test_locking.py",
    "commands/project_remember.py": "commands/test_project_no_change.py",
    "commands/project_tree.py": "project/test_exporting.py",
    "commands/run.py": "project/test_running.py",
    "commands/sync.py": "project/test_syncing.py",
    "commands/version.py": "specs/test_version_bump.py",
    "project/declared.py": "project/test_locking.py",
    "project/environments.py": "project/test_syncing.py",
    "project/lock_files.py": "project/test_locking.py",
    "project/opening.py": "project/test_locking.py",
    "project/overlays.py": "project/test_running.py",
    "project/parts.py": "project/test_locking.py",
    "project/programs.py": "project/test_running.py",
    "project/reach.py": "project/test_exporting.py",
    "project/scripts.py": "project/test_syncing.py",
    "project/selection.py": "project/test_syncing.py",
    "project/spelling.py": "project/test_locking.py",
    "project/trees.py": "project/test_exporting.py",
    "project/updating.py": "project/test_locking.py",
    "session/projects.py": "project/test_locking.py",
    "specs/env_file.py": "project/test_running.py",
    "specs/project_edit.py": "project/test_editing.py",
    "specs/templates.py": "project/test_init.py",
    "specs/tool_uv.py": "project/test_locking.py",
    # parts of one mechanism
    "fs/files.py": "fs/test_disk.py",
    "fs/journal.py": "fs/test_disk.py",
    "fs/linking.py": "fs/test_disk.py",
    "fs/modes.py": "fs/test_disk.py",
    "fs/trees.py": "fs/test_disk.py",
    "install/clashes.py": "install/test_layout.py",
    "install/nodes.py": "install/test_layout.py",
    "net/curl_errors.py": "net/test_client.py",
    "net/file_urls.py": "net/test_client.py",
    "net/options.py": "net/test_client.py",
    "net/scheduler.py": "net/test_client.py",
    "project/journal.py": "project/test_editing.py",
    "resolve/forks.py": "resolve/test_locking.py",
    "resolve/locked.py": "resolve/test_locking.py",
    "resolve/provider_protocol.py": "resolve/test_solver.py",
    "specs/toml.py": "specs/test_large_work.py",
    "store/remaking.py": "crowd/test_trust.py",
    "settings/files.py": "settings/test_settings.py",
    "settings/options.py": "settings/test_settings.py",
    "build/hook_client.py": "build/test_backend.py",
    "fs/_darwin.py": "fs/test_platforms.py",
    "fs/_linux.py": "fs/test_platforms.py",
    "fs/_windows.py": "fs/test_platforms.py",
    "fs/start.py": "crowd/test_way_up.py",
    "install/state.py": "crowd/test_planted.py",
    "net/encoding.py": "net/test_client.py",
    "python/installed_metadata.py": "operations/test_installed_graph.py",
    "store/build_image.py": "store/test_images.py",
}


def mirror(path: str) -> str:
    """Return the test file that stands for a source file, below `tests`."""
    room, _, name = path.rpartition("/")
    return f"{room}/test_{name}" if room else f"test_{name}"


def test_every_source_file_has_a_test_file() -> None:
    tests = ROOT / "tests"
    wanted = {
        file.path: TESTED_BY.get(file.path, mirror(file.path))
        for file in files()
        if not file.path.endswith("__init__.py")
    }
    assert {path: test for path, test in wanted.items() if not (tests / test).is_file()} == {}
    # an exception that is not needed any more is taken out of the table
    assert [path for path in TESTED_BY if path not in wanted or (tests / mirror(path)).is_file()] == []


def test_no_registry_address_in_tracked_files() -> None:
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


def test_version_loads_next_to_nothing() -> None:
    loaded = loaded_by("--version")
    assert len([name for name in loaded if name.startswith("commonwheel")]) <= 5
    assert not loaded & HEAVY


def test_command_help_loads_no_command() -> None:
    loaded = loaded_by("pip", "install", "--help")
    assert not loaded & HEAVY
    assert not [
        name for name in loaded if name.startswith(("commonwheel.commands", "commonwheel.session", "commonwheel.store"))
    ]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
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
def test_warm_command_loads_nothing_heavy(furnished: tuple[Path, dict[str, str]], words: tuple[str, ...]) -> None:
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
        ("pip install -p v --no-index -f wheels -r requirements.txt", LOOKING | {"install", "operations"}),
    ],
)
def test_warm_command_loads_few_rooms(furnished: tuple[Path, dict[str, str]], words: str, rooms: set[str]) -> None:
    base, env = furnished
    loaded_by(*words.split(), cwd=base, env=env)
    loaded = {name for name in loaded_by(*words.split(), cwd=base, env=env) if name.startswith("commonwheel.")}
    assert {name.split(".")[1] for name in loaded} <= rooms
    # help is for those who ask for it; what was satisfied the last time is not read again
    unread = {
        "cli.help",
        "commands.gather",
        "commands.install_satisfied",
        "commands.install",
        "operations.resolve",
        "store.store",
    }
    assert not loaded & {f"commonwheel.{name}" for name in unread}


def test_warm_install_loads_neither_network_nor_builds(furnished: tuple[Path, dict[str, str]]) -> None:
    base, env = furnished
    where = {**os.environ, **env}
    subprocess.run([sys.executable, "-m", "commonwheel", "venv", "fresh"], cwd=base, env=where, check=True)
    loaded = loaded_by(
        "pip", "install", "-p", "fresh", "--no-index", "-f", "wheels", "-r", "requirements.txt", cwd=base, env=env
    )
    assert not [
        name
        for name in loaded
        if name.startswith(("commonwheel.net.client", "commonwheel.build", "commonwheel.sources.acquire"))
    ]
    assert not loaded & HEAVY
