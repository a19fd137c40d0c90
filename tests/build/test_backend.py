"""Hooks of real backends in real processes: what they need, make and say, and every way in which they can be wrong."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commonwheel.build import backend, hook_client
from commonwheel.build.backend import BuildFailed, Hooks
from commonwheel.build.output import Output
from commonwheel.build.static import backend_of
from commonwheel.sources.subprocesses import Subprocesses
from kit.sdists import BACKEND, PREPARES, files_of, pyproject, write_tree


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Hooks]]:
    """Give a function that makes hooks of a project with this backend."""
    made: list[Hooks] = []

    def hooks(text: str = BACKEND, *, isolated: bool = True, **files: str) -> Hooks:
        tree = write_tree(tmp_path / "demo", {**files_of(backend=text), **files})
        (tmp_path / "scratch").mkdir(exist_ok=True)
        output = Output(str(tmp_path / "scratch"), str(tmp_path), "demo")
        environ = {"PATH": os.environ["PATH"]}
        runner = Subprocesses(1, lambda: hook_client.call)
        made.append(Hooks("demo", tree, backend_of(tree), sys.executable, environ, runner, output, isolated=isolated))
        return made[-1]

    yield hooks
    for one in made:
        one.close()


def failure(call: Callable[[], object]) -> BuildFailed:
    with pytest.raises(BuildFailed) as caught:
        call()
    assert "demo" in caught.value.message
    assert caught.value.exit_status == 1
    return caught.value


def test_wheel_is_built_with_config_settings(make: Callable[..., Hooks], tmp_path: Path) -> None:
    path = make().build("wheel", str(tmp_path), {"a": ["1", "2"]})
    assert os.path.basename(path) == "demo-1.0-py3-none-any.whl"
    assert b"'a': ['1', '2']" in Path(path).read_bytes()


def test_sdist_and_editable_wheel_are_built(make: Callable[..., Hooks], tmp_path: Path) -> None:
    assert make().build("sdist", str(tmp_path), {}).endswith("demo-1.0.tar.gz")
    assert make().build("editable", str(tmp_path), {}).endswith(".whl")


def test_metadata_hook_of_capable_backends(make: Callable[..., Hooks], tmp_path: Path) -> None:
    path = make(PREPARES).metadata("wheel", str(tmp_path), {})
    assert path is not None
    assert "Name: demo" in Path(path, "METADATA").read_text()


def test_metadata_and_requires_hooks_are_optional(make: Callable[..., Hooks], tmp_path: Path) -> None:
    hooks = make()
    assert hooks.metadata("wheel", str(tmp_path), {}) is None
    assert hooks.requires("wheel", {}) == ()


def test_dynamic_build_requirements_are_returned(make: Callable[..., Hooks]) -> None:
    text = BACKEND + "\n\ndef get_requires_for_build_wheel(config_settings=None):\n    return ['x', 'y>=1']\n"
    assert make(text).requires("wheel", {}) == ("x", "y>=1")


def test_backend_runs_in_the_tree_with_given_variables(make: Callable[..., Hooks], tmp_path: Path) -> None:
    text = BACKEND.replace(
        "def build_wheel(",
        "def get_requires_for_build_wheel(c=None):\n    return [os.getcwd(), *os.environ]\n\n\ndef build_wheel(",
    )
    where, *variables = make(text).requires("wheel", {})
    assert where == str(tmp_path / "demo")
    assert not [name for name in variables if name.startswith(("CW_", "PYTHON", "VIRTUAL"))]


def test_failed_build_shows_last_lines_and_keeps_the_log(make: Callable[..., Hooks], tmp_path: Path) -> None:
    text = "for number in range(100):\n    print('line', number)\nraise SystemExit('no luck')\n"
    error = failure(lambda: make(text).build("wheel", str(tmp_path), {}))
    assert "`build_wheel` failed" in error.message
    assert error.context[0] == "the build backend ended with status 1"
    assert "  line 99" in error.context
    assert "  line 10" not in error.context
    log = error.context[1].partition("all of it: ")[2].rstrip("):")
    assert "line 10\n" in Path(log).read_text()


@pytest.mark.parametrize(
    ("says", "hint"),
    [
        ("import missing_thing", "the module `missing_thing`"),
        ("raise SystemExit('x.c:1:10: fatal error: foo.h: No such file or directory')", "`foo.h`"),
        ("raise SystemExit('x.c:1:10: fatal error: Python.h: No such file')", "headers of this Python"),
        ("raise SystemExit('/usr/bin/ld: cannot find -lbar: No such file or directory')", "`bar`"),
        ("raise SystemExit(\"error: command 'gcc' failed: No such file\")", "the compiler `gcc`"),
        ("raise SystemExit('ERROR: Unknown compiler(s): [gcc]')", "no compiler was found"),
        ("raise SystemExit('error: cannot find Rust compiler'.replace('cannot', \"can't\"))", "a Rust compiler"),
    ],
)
def test_common_failures_have_a_hint(make: Callable[..., Hooks], tmp_path: Path, says: str, hint: str) -> None:
    text = f"def build_wheel(*a):\n    {says}\n"
    assert hint in (failure(lambda: make(text).build("wheel", str(tmp_path), {})).hint or "")


def test_unknown_failure_has_no_hint() -> None:
    assert backend.diagnosis(["all is well"]) is None


def test_killed_backend_is_reported_with_its_signal(make: Callable[..., Hooks], tmp_path: Path) -> None:
    text = "import os\nos.kill(os.getpid(), 9)\n"
    assert failure(lambda: make(text).build("wheel", str(tmp_path), {})).context[0].endswith("signal 9")


def test_backend_exit_without_answer_is_reported(make: Callable[..., Hooks], tmp_path: Path) -> None:
    text = "import os\ndef build_wheel(*a):\n    os._exit(0)\n"
    assert "without an answer" in failure(lambda: make(text).build("wheel", str(tmp_path), {})).context[0]


def test_missing_backend_is_reported(make: Callable[..., Hooks], tmp_path: Path) -> None:
    files = {"pyproject.toml": pyproject(requires=["other"], backend="nowhere.api", path=())}
    error = failure(lambda: make(**files).requires("wheel", {}))
    assert "`nowhere.api` cannot be imported" in error.context[0]
    assert "build-system.requires" in (error.hint or "")
    error = failure(lambda: make(isolated=False, **files).requires("wheel", {}))
    assert "without isolation" in (error.hint or "")
    assert "install other there" in (error.hint or "")


def test_wrong_backend_path_is_reported(make: Callable[..., Hooks], tmp_path: Path) -> None:
    (tmp_path / "demo" / "sub").mkdir(parents=True)
    error = failure(lambda: make(**{"pyproject.toml": pyproject(path=["sub"])}).build("wheel", str(tmp_path), {}))
    assert "cannot be imported" in error.context[0]
    assert "backend-path" in (error.hint or "")


def test_unsupported_operation_is_reported(make: Callable[..., Hooks], tmp_path: Path) -> None:
    text = "class UnsupportedOperation(Exception): pass\n\ndef build_sdist(*a):\n    raise UnsupportedOperation('no tags')\n"
    assert "cannot do this here" in failure(lambda: make(text).build("sdist", str(tmp_path), {})).context[0]


def test_backend_without_editable_support_is_reported(make: Callable[..., Hooks], tmp_path: Path) -> None:
    error = failure(
        lambda: make(BACKEND.replace("def build_editable", "def other")).build("editable", str(tmp_path), {})
    )
    assert "has no `build_editable`" in error.message
    assert "without `--editable`" in (error.hint or "")


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("get_requires_for_build_wheel", "None"),
        ("get_requires_for_build_wheel", "[3]"),
        ("get_requires_for_build_wheel", "'setuptools'"),
        ("prepare_metadata_for_build_wheel", "None"),
        ("prepare_metadata_for_build_wheel", "'nothing.dist-info'"),
        ("build_wheel", "None"),
        ("build_wheel", "'nothing.whl'"),
    ],
)
def test_broken_backend_is_named(make: Callable[..., Hooks], tmp_path: Path, hook: str, answer: str) -> None:
    hooks = make(f"def {hook}(*a):\n    return {answer}\n")
    call = {
        "get_requires_for_build_wheel": lambda: hooks.requires("wheel", {}),
        "prepare_metadata_for_build_wheel": lambda: hooks.metadata("wheel", str(tmp_path), {}),
        "build_wheel": lambda: hooks.build("wheel", str(tmp_path), {}),
    }[hook]
    error = failure(call)
    assert "is broken" in error.message
    assert f"`{hook}`" in error.context[0]


def test_non_json_answer_is_reported(make: Callable[..., Hooks], tmp_path: Path) -> None:
    text = "def build_wheel(*a):\n    return object()\n"
    assert "status 1" in failure(lambda: make(text).build("wheel", str(tmp_path), {})).context[0]


def test_exchange_directory_is_removed(
    make: Callable[..., Hooks], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    (tmp_path / "exchange").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "exchange"))
    failure(lambda: make("raise SystemExit(1)").build("wheel", str(tmp_path), {}))
    assert os.listdir(tmp_path / "exchange") == []


def test_backend_warnings_stay_in_the_log(make: Callable[..., Hooks], tmp_path: Path) -> None:
    hooks = make(
        BACKEND.replace(
            "    found = sources()\n", "    import warnings\n    warnings.warn('careful')\n    found = sources()\n"
        )
    )
    assert hooks.build("wheel", str(tmp_path), {})
