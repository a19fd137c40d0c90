"""Trees become metadata and wheels: by their files if these tell, else by their backend, once for each."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from commonwheel import process
from commonwheel.build import hook_client
from commonwheel.build.builder import Builder, BuildFailed, Options, Tree
from commonwheel.build.static import NotAProject
from commonwheel.sources.subprocesses import Subprocesses
from kit.sdists import BACKEND, PREPARES, files_of, pyproject, write_tree

COUNTED = "with open(os.path.join(HERE, 'calls'), 'a') as stream: stream.write({!r})\n"


class Rooms:
    """Make environments by pretending that the interpreter of the tests is one, and note what was wanted."""

    def __init__(self) -> None:
        self.wanted: list[tuple[str, ...]] = []
        self.made = 0
        self.lacked = True

    def create(self, directory: str) -> str:
        self.made += 1
        folder = os.path.join(directory, "env", "bin")
        os.makedirs(folder)
        os.symlink(sys.executable, os.path.join(folder, "python"))
        return os.path.join(folder, "python")

    def add(self, directory: str, requires: Sequence[str], project: str) -> bool:
        self.wanted.append(tuple(requires))
        return self.lacked


class Heard:
    """Keep what a reporter hears."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.tasks: list[str] = []
        self.running = 0
        self.advanced = 0

    def note(self, level: str, message: str) -> None:
        self.notes.append(message)

    def begin(self, kind: str, label: str, total: int | None = None) -> int:
        self.tasks.append(f"{kind} {label}")
        self.running += 1
        return len(self.tasks)

    def advance(self, task: int, amount: int = 1) -> None:
        self.advanced += 1

    def end(self, task: int) -> None:
        self.running -= 1


class Bench:
    """A builder with all that it needs, in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rooms = Rooms()
        self.heard = Heard()
        self.scratch = root / "scratch"
        self.scratch.mkdir()
        (root / "out").mkdir()
        self.out = str(root / "out")
        self.made: list[Builder] = []

    def builder(self, *, patience: float = 60.0, forbidden: str | None = None, **options: object) -> Builder:
        environ = options.pop("environ", {"PATH": os.environ["PATH"]})
        chosen = Options(sys.executable, environ, **options)  # type: ignore[arg-type]
        made = Builder(
            chosen, self.rooms, Subprocesses(2, lambda: hook_client.call), str(self.scratch), str(self.root), self.heard,
            lambda _: forbidden, patience=patience,
        )  # fmt: skip
        self.made.append(made)
        return made

    def tree(self, name: str = "", version: str = "", **files: str) -> Tree:
        backend = files.pop("backend", BACKEND)
        inside = {key.replace("__", "."): text for key, text in files.items()}
        return Tree(write_tree(self.root / "demo", files_of(backend=backend, files=inside)), "demo", name, version)

    def calls(self) -> str:
        path = self.root / "demo" / "calls"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for builder in bench.made:
        builder.close()


def counted(text: str) -> str:
    """Let each hook of a backend leave its letter."""
    for hook, letter in (("build_wheel", "w"), ("build_editable", "e"), ("prepare_metadata_for_build_wheel", "m")):
        head = f"def {hook}("
        at = text.find(head)
        if at >= 0:
            end = text.index(":\n", at) + 2
            text = text[:end] + "    " + COUNTED.format(letter) + text[end:]
    return text


def test_static_metadata_needs_no_backend(bench: Bench) -> None:
    tree = bench.tree(pyproject__toml=pyproject("demo", needs=["other"]))
    assert [one.name for one in bench.builder().metadata(tree).requires] == ["other"]
    assert bench.rooms.wanted == []


def test_metadata_and_wheel_are_built_in_one_place(bench: Bench) -> None:
    tree = bench.tree(backend=counted(PREPARES), pyproject__toml=pyproject(requires=["flit"]))
    builder = bench.builder()
    assert builder.metadata(tree).version == "1.0"
    assert os.path.basename(builder.wheel(tree, bench.out)) == "demo-1.0-py3-none-any.whl"
    assert (bench.rooms.made, bench.rooms.wanted) == (1, [("flit",)])
    assert bench.calls() == "mw"


def test_prepared_metadata_is_passed_to_the_build(bench: Bench) -> None:
    backend = PREPARES.replace(
        "    found = sources()\n", "    found = {'seen.py': repr(sorted(os.listdir(metadata_directory)))}\n"
    )
    tree, builder = bench.tree(backend=backend), bench.builder()
    builder.metadata(tree)
    assert b"METADATA" in Path(builder.wheel(tree, bench.out)).read_bytes()


def test_wheel_built_for_metadata_is_reused(bench: Bench) -> None:
    tree, builder = bench.tree(backend=counted(BACKEND)), bench.builder()
    assert builder.metadata(tree).name == "demo"
    assert os.path.isfile(builder.wheel(tree, bench.out))
    assert bench.calls() == "w"


def test_dynamic_build_requirements_are_installed(bench: Bench) -> None:
    more = "\n\ndef get_requires_for_build_wheel(c=None):\n    return ['ninja']\n"
    bench.builder().wheel(bench.tree(backend=BACKEND + more, pyproject__toml=pyproject(requires=["a"])), bench.out)
    assert (bench.rooms.made, bench.rooms.wanted) == (1, [("a",), ("a", "ninja")])


@pytest.mark.skipif(not process.FORKS, reason="each hook is a process of its own here")
@pytest.mark.parametrize("lacked", [True, False])
def test_backend_restarts_only_after_new_requirements(bench: Bench, lacked: bool) -> None:
    bench.rooms.lacked = lacked
    tells = (
        "    with open(os.path.join(HERE, 'calls'), 'a') as stream:\n        stream.write(str(os.getppid()) + '\\n')\n"
    )
    more = "\n\ndef get_requires_for_build_wheel(c=None):\n" + tells + "    return ['ninja']\n"
    backend = BACKEND.replace("    found = sources()\n", tells + "    found = sources()\n") + more
    bench.builder().wheel(bench.tree(backend=backend, pyproject__toml=pyproject(requires=["a"])), bench.out)
    asked, built = bench.calls().split()
    assert (asked != built) == lacked


def test_editables_have_a_separate_build(bench: Bench) -> None:
    tree, builder = bench.tree(backend=counted(PREPARES)), bench.builder()
    builder.wheel(tree, bench.out)
    builder.metadata(tree, editable=True)
    builder.wheel(tree, bench.out, editable=True)
    assert bench.calls() == "wme"


def test_no_isolation_uses_the_interpreter_unchanged(bench: Bench) -> None:
    more = "\n\ndef get_requires_for_build_wheel(c=None):\n    raise SystemExit('not asked')\n"
    tree = bench.tree("demo", backend=BACKEND + more)
    assert bench.builder(open_to_all=True).wheel(tree, bench.out)
    assert bench.builder(open_packages=frozenset({"demo"})).wheel(tree, bench.out)
    assert bench.rooms.wanted == []
    with pytest.raises(BuildFailed):
        bench.builder(open_packages=frozenset({"other"})).wheel(tree, bench.out)


def test_guessed_name_is_used_for_options_only(bench: Bench) -> None:
    tree = bench.tree().replaced(guess="guessed", place="/there")
    single = {"guessed": {"b": "2"}, "/there": {"c": "3"}, "other": {"d": "4"}}
    builder = bench.builder(open_packages=frozenset({"guessed"}), settings={"a": "1"}, settings_of=single)
    path = builder.wheel(tree, bench.out)
    assert b"{'a': '1', 'b': '2', 'c': '3'}" in Path(path).read_bytes()
    assert bench.rooms.wanted == []


def test_user_shell_variables_do_not_leak(bench: Bench) -> None:
    backend = BACKEND.replace(
        "    found = sources()\n",
        "    import sys\n    found = {'seen.py': repr({n: v for n, v in os.environ.items() if n in "
        "('PYTHONPATH', 'VIRTUAL_ENV', 'PATH', 'CC', 'CONDA_PREFIX', 'PYTHONNOUSERSITE')})}\n",
    )
    environ = {"PYTHONPATH": "/p", "VIRTUAL_ENV": "/v", "PATH": "/usr/bin", "CC": "clang", "CONDA_PREFIX": "/c"}
    said = (
        Path(bench.builder(environ=environ).wheel(bench.tree(backend=backend), bench.out))
        .read_bytes()
        .decode("latin-1")
    )
    assert "PYTHONPATH" not in said
    assert "'VIRTUAL_ENV': '/v'" not in said
    assert "'VIRTUAL_ENV': '" + str(bench.scratch) in said
    assert "/env/bin:/usr/bin'" in said
    assert "'CC': 'clang'" in said
    assert "'CONDA_PREFIX': '/c'" in said  # compilers and libraries of a conda environment are found by it
    assert "'PYTHONNOUSERSITE': '1'" in said


def test_a_build_gets_no_login_of_an_index(bench: Bench) -> None:
    backend = BACKEND.replace(
        "    found = sources()\n", "    import sys\n    found = {'seen.py': repr(sorted(os.environ.items()))}\n"
    )
    environ = {
        "PATH": os.environ["PATH"],
        "CW_INDEX_CORP_USERNAME": "cw-secret",
        "UV_INDEX_CORP_PASSWORD": "uv-secret",
        "UV_PUBLISH_TOKEN": "publish-secret",
        "CW_INDEX": "corp=https://me:cw-secret@one.example/simple https://two.example/simple",
        "UV_DEFAULT_INDEX": "https://token-secret@three.example/simple",
        "PIP_INDEX_URL": "https://me:pip-secret@four.example/simple",
        "PIP_FIND_LINKS": "https://five.example/a https://me:pip-secret@six.example/b",
        "HTTPS_PROXY": "http://me:proxy@proxy.example:1",
        "MY_PASSWORD": "mine",
    }
    said = (
        Path(bench.builder(environ=environ).wheel(bench.tree(backend=backend), bench.out))
        .read_bytes()
        .decode("latin-1")
    )
    assert "secret" not in said
    for kept in ("corp=https://one.example/simple https://two.example/simple", "https://three.example/simple"):
        assert kept in said
    assert "https://five.example/a https://six.example/b" in said
    # what the builds of many projects are reached by, and what is none of ours
    assert "http://me:proxy@proxy.example:1" in said
    assert "('MY_PASSWORD', 'mine')" in said


@pytest.mark.parametrize(("name", "version", "said"), [("other", "", "calls it `demo`"), ("demo", "2.0", "says 1.0")])
@pytest.mark.parametrize("static", [True, False])
def test_wrong_project_or_version_is_reported(bench: Bench, name: str, version: str, said: str, static: bool) -> None:
    files = {"pyproject__toml": pyproject("demo")} if static else {}
    with pytest.raises(BuildFailed, match=said):
        bench.builder().metadata(bench.tree(name, version, **files))
    with pytest.raises(BuildFailed, match=said):
        bench.builder().wheel(bench.tree(name, version), bench.out)


@pytest.mark.parametrize(
    ("tag", "fits"), [("cp311-cp311-linux_x86_64", True), ("py3-none-any", True), ("cp38-cp38-win_amd64", False)]
)
def test_wheel_for_another_platform_is_reported(bench: Bench, tag: str, fits: bool) -> None:
    tree = bench.tree(backend=BACKEND.replace('tag="py3-none-any"', f'tag="{tag}"'))
    builder = bench.builder(tags=("cp311-cp311-linux_x86_64", "py3-none-any"))
    if fits:
        assert builder.wheel(tree, bench.out)
        return
    with pytest.raises(BuildFailed, match="does not fit this interpreter") as caught:
        builder.wheel(tree, bench.out)
    assert "cp38-cp38-win_amd64" in caught.value.context[0]


def test_wheel_with_invalid_name_is_reported(bench: Bench) -> None:
    backend = (
        BACKEND + "\n\ndef build_wheel(d, *a):\n    open(os.path.join(d, 'x.whl'), 'w').close()\n    return 'x.whl'\n"
    )
    with pytest.raises(BuildFailed, match=r"made `x\.whl`"):
        bench.builder().wheel(bench.tree(backend=backend), bench.out)


@pytest.mark.parametrize("text", ["", "Metadata-Version: 2.1\n", "Metadata-Version: 2.1\nName: demo\nVersion: x y\n"])
def test_unreadable_metadata_is_reported(bench: Bench, text: str) -> None:
    backend = PREPARES + f"\n\ndef metadata():\n    return {text!r}\n"
    with pytest.raises(BuildFailed, match="metadata that its build backend wrote"):
        bench.builder().metadata(bench.tree(backend=backend))


def test_invalid_wheel_is_reported(bench: Bench) -> None:
    backend = (
        BACKEND
        + "\n\ndef build_wheel(d, *a):\n    n = 'demo-1.0-py3-none-any.whl'\n    open(os.path.join(d, n), 'w').close()\n    return n\n"
    )
    with pytest.raises(BuildFailed, match="metadata that its build backend wrote"):
        bench.builder().metadata(bench.tree(backend=backend))


def test_forbidden_build_fails_and_editable_is_allowed(bench: Bench) -> None:
    builder = bench.builder(forbidden="`--no-build` forbids it")
    with pytest.raises(BuildFailed, match=r"would have to be built, but `--no-build` forbids it"):
        builder.wheel(bench.tree(), bench.out)
    assert builder.wheel(bench.tree(), bench.out, editable=True)


def test_directory_without_project_is_reported(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAProject):
        bench.builder().wheel(Tree(str(tmp_path / "empty"), "empty"), bench.out)
    assert bench.heard.running == 0


def test_long_build_is_named_repeatedly(bench: Bench) -> None:
    slow = BACKEND.replace(
        "    found = sources()\n",
        "    import time\n    print('working', flush=True)\n    time.sleep(0.7)\n    found = sources()\n",
    )
    bench.builder(patience=0.1).wheel(bench.tree(backend=slow), bench.out)
    assert bench.heard.tasks == ["build demo"]
    assert bench.heard.running == 0
    assert bench.heard.advanced > 2
    told = [note for note in bench.heard.notes if note.startswith("Still building demo after")]
    assert 1 <= len(told) <= 4
    assert "working" in Path(told[-1].rpartition(": ")[2]).read_text()


def test_sdist_is_built(bench: Bench) -> None:
    path = bench.builder().sdist(bench.tree(), bench.out)
    assert os.path.basename(path) == "demo-1.0.tar.gz"
    assert bench.heard.tasks == ["build demo (sdist)"]
