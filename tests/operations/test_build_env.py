"""Build environments: what a build requires is in them, and nothing else."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from commonwheel.fs import disk
from commonwheel.operations import build_env
from kit import pythons
from kit.sdists import PREPARES, files_of, write_tree
from kit.wheels import make_wheel
from kit.workshop import TRACED, Workshop

# A wheel tells what its build saw: the version of the tool, and where all of it lay.
SEES = TRACED.replace(
    "    found = sources()\n",
    "    import sys, tool\n    from importlib import metadata\n"
    "    names = sorted(one.metadata['Name'] for one in metadata.distributions())\n"
    "    found = {'seen.py': repr((tool.version, names, sys.prefix, os.path.islink(tool.__path__[0]), os.environ.get('VIRTUAL_ENV')))}\n",
)


def tool(shop: Workshop, version: str, **more: Any) -> None:
    make_wheel(shop.path("files"), "tool", version, {"tool/__init__.py": f"version = {version!r}\n"}, **more)


def seen(shop: Workshop) -> tuple[str, list[str], str, bool, str]:
    return eval(Path(shop.site(), "seen.py").read_text())  # type: ignore[no-any-return]  # what the backend wrote


def test_build_requirements_are_linked_into_an_environment(shop: Workshop) -> None:
    tool(shop, "1.0")
    tool(shop, "2.0")
    shop.project(backend=SEES, requires=["tool"])
    make_wheel(shop.path("files"), "unwanted", "1.0", {"unwanted.py": ""})
    shop.install("unwanted").ok()
    shop.install("./demo").ok()
    version, names, prefix, linked, told = seen(shop)
    assert (version, names, linked) == ("2.0", ["tool"], True)
    assert prefix == told
    assert prefix.startswith(shop.store)
    assert not os.path.exists(prefix)
    assert shop.frozen()[1:] == ["unwanted==1.0"]


def test_specifier_and_constraint_choose_the_version(shop: Workshop) -> None:
    for version in ("1.0", "1.5", "2.0"):
        tool(shop, version)
    shop.project(backend=SEES, requires=["tool<2"])
    shop.install("./demo").ok()
    assert seen(shop)[0] == "1.5"
    shop.write("b.txt", "tool==1.0\n")
    shop.install("--build-constraint", "b.txt", "./demo").ok()
    assert seen(shop)[0] == "1.0"
    shop.write("impossible.txt", "tool==2.0\n")
    assert "needs cannot be installed" in shop.fails("-b", "impossible.txt", "./demo")


def test_constraint_makes_another_wheel_of_the_same_source(shop: Workshop) -> None:
    tool(shop, "1.0")
    tool(shop, "2.0")
    path = shop.sdist(directory="elsewhere", backend=SEES, requires=["tool"], static=True)
    shop.write("b.txt", "tool==1.0\n")
    for words, version in (((), "2.0"), (("-b", "b.txt"), "1.0"), ((), "2.0")):
        shop.install("--reinstall", *words, path).ok()
        assert seen(shop)[0] == version
    assert shop.calls() == ["demo:wheel", "demo:wheel"]


@pytest.mark.parametrize("asked", ["tool", "tool<2"])
def test_dynamic_build_requirements_are_installed(shop: Workshop, asked: str) -> None:
    tool(shop, "1.0")
    tool(shop, "2.0")
    make_wheel(shop.path("files"), "extra-tool", "1.0", {"extra_tool.py": ""})
    more = f"\n\ndef get_requires_for_build_wheel(c=None):\n    return ['extra-tool', {asked!r}]\n"
    shop.project(backend=SEES + more, requires=["tool"])
    shop.install("./demo").ok()
    assert seen(shop)[:2] == ("1.0" if "<" in asked else "2.0", ["extra-tool", "tool"])


def test_unneeded_dynamic_requirements_cost_nothing(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As flit_core does: the dependencies of a project, markers and all, when it looks for a version in its modules."""
    tool(shop, "1.0")
    more = "\n\ndef get_requires_for_build_wheel(c=None):\n    return ['tool', 'nowhere; extra == \"all\"']\n"
    shop.project(backend=SEES + more, requires=["tool"])
    laid: list[object] = []
    lay_out = build_env.lay_out

    def noted(*given: Any) -> Any:
        laid.append(given)
        return lay_out(*given)

    monkeypatch.setattr(build_env, "lay_out", noted)
    shop.install("./demo").ok()
    assert seen(shop)[:2] == ("1.0", ["tool"])
    assert len(laid) == 1


def test_build_environment_is_not_synced_to_disk(shop: Workshop) -> None:
    tool(shop, "1.0")
    shop.project(backend=SEES, requires=["tool"])
    steps: list[tuple[str, str]] = []
    before = disk.observe(lambda verb, path: steps.append((verb, path)))
    try:
        shop.install("./demo").ok()
    finally:
        disk.observe(before)
    scratch = {verb for verb, path in steps if "/builds/" in path}
    assert "symlink" in scratch
    assert "sync" not in scratch
    assert "sync" in {verb for verb, _ in steps}  # the user's own environment is


def test_scripts_of_the_build_environment_come_first_on_path(shop: Workshop) -> None:
    tool(
        shop,
        "1.0",
        entry_points={"console_scripts": {"make-it": "tool:main"}},
        data={"scripts/plain": "#!/bin/sh\necho plain\n"},
        executable=["tool-1.0.data/scripts/plain"],
    )
    runs = TRACED.replace(
        "    found = sources()\n",
        "    import shutil, subprocess\n    found = {'seen.py': repr((shutil.which('make-it'), subprocess.check_output(['plain'], text=True)))}\n",
    )
    shop.project(backend=runs, requires=["tool"])
    shop.install("./demo").ok()
    program, said = eval(Path(shop.site(), "seen.py").read_text())
    assert program.startswith(shop.store)
    assert said == "plain\n"


def test_build_requirement_may_need_a_build(shop: Workshop) -> None:
    shop.sdist("tool", files={"tool.py": "version = 'built'\n__path__ = [__file__]\n"})
    shop.project(backend=SEES, requires=["tool"])
    shop.install("./demo").ok()
    assert seen(shop)[0] == "built"
    assert shop.calls() == ["tool:wheel", "demo:wheel"]
    shop.install("./demo").ok()
    assert shop.calls() == ["demo:wheel"]


def test_build_requirement_is_not_built_if_forbidden(shop: Workshop) -> None:
    shop.sdist("tool", files={"tool.py": "version = 'built'\n"})
    shop.sdist("demo", backend=SEES, requires=["tool"])
    for option in (("--no-build-package", "tool"), ("--only-binary", "tool")):
        said = shop.fails(*option, "demo")
        assert "needed to build" in said or "what its build needs cannot be installed" in said
        assert "demo-1.0.tar.gz" in said
    assert shop.calls() == []


def test_binary_tool_is_used_despite_no_binary_package(shop: Workshop) -> None:
    """`--no-binary :all:` is about what is installed; builds of compilers from source would need compilers."""
    tool(shop, "1.0")
    shop.sdist(backend=SEES, requires=["tool"])
    shop.install("--no-binary", ":all:", "demo").ok()
    assert seen(shop)[0] == "1.0"


def test_markers_and_urls_of_build_requirements_apply(shop: Workshop) -> None:
    path = make_wheel(shop.path("elsewhere"), "tool", "3.0", {"tool/__init__.py": "version = '3.0'\n"})
    shop.project(
        backend=SEES,
        requires=["nowhere; python_version < '3'", f"tool @ file://{str(path).replace(' ', '%20')}"],
    )
    shop.install("./demo").ok()
    assert seen(shop)[0] == "3.0"


@pytest.mark.parametrize("option", [("--no-build-isolation",), ("--no-build-isolation-package", "demo")])
def test_no_isolation_builds_in_the_environment(shop: Workshop, option: tuple[str, ...]) -> None:
    shop.project(backend=SEES, requires=["tool"], static=True)
    said = shop.fails(*option, "./demo")
    assert "No module named 'tool'" in said
    assert "install what provides the module `tool` there first" in said
    tool(shop, "1.0")
    shop.install("tool").ok()
    shop.install(*option, "./demo").ok()
    version, names, prefix, _, told = seen(shop)
    assert (version, names, prefix, told) == ("1.0", ["tool"], shop.path("v"), shop.path("v"))


def test_no_isolation_of_another_package_changes_nothing(shop: Workshop) -> None:
    tool(shop, "1.0")
    shop.project(backend=SEES, requires=["tool"], static=True)
    shop.install("--no-build-isolation-package", "other", "./demo").ok()
    assert seen(shop)[2].startswith(shop.store)


def test_unisolated_wheel_belongs_to_its_environment(shop: Workshop) -> None:
    tool(shop, "1.0")
    path = shop.sdist(directory="elsewhere", backend=SEES, requires=["tool"], static=True)
    shop.install("tool").ok()
    shop.install("--no-build-isolation", path).ok()
    shop.install("--reinstall", path).ok()
    assert seen(shop)[2].startswith(shop.store)
    assert shop.calls() == ["demo:wheel", "demo:wheel"]


def test_user_options_do_not_apply_to_build_tools(shop: Workshop) -> None:
    tool(shop, "1.0")
    tool(shop, "2.0a1")
    shop.project(backend=SEES, requires=["tool"])
    shop.install("--pre", "--resolution", "lowest", "./demo").ok()
    assert seen(shop)[0] == "1.0"


def test_legacy_backend_requires_setuptools(shop: Workshop) -> None:
    write_tree(shop.path("old"), {"setup.py": ""})
    said = shop.fails("./old")
    assert "needed: setuptools >= 40.8.0" in said


@pytest.mark.parametrize("which", [0, -1])
def test_foreign_interpreter_can_build(shop: Workshop, which: int) -> None:
    """The one of the environment does, the oldest or the newest: not the one that cw runs in."""
    here = "{}.{}".format(*sys.version_info[:2])
    others = [(minor, path) for minor, path in pythons.pythons().items() if minor != here]
    if not others:
        pytest.skip("there is one interpreter only")
    minor, path = others[which]
    shop("venv", "--clear", "-p", path, "v").ok()
    tells = PREPARES.replace(
        "    found = sources()\n", "    import sys\n    found = {'seen.py': '{}.{}'.format(*sys.version_info)}\n"
    )
    write_tree(shop.path("demo"), files_of(backend=tells))
    shop.install("./demo").ok()
    assert Path(shop.site(), "seen.py").read_text() == minor


# A wheel that tells from where the bytecode of the tool was read.
READS = TRACED.replace(
    "    found = sources()\n", "    import os, tool\n    found = {'seen.py': repr(os.path.realpath(tool.__cached__))}\n"
)


def built_with(shop: Workshop, *words: str) -> str:
    shop.install("--reinstall", *words, "./demo").ok()
    return eval(Path(shop.site(), "seen.py").read_text())  # type: ignore[no-any-return]  # what the backend wrote


def test_build_uses_bytecode_of_the_store(shop: Workshop) -> None:
    tool(shop, "1.0")
    shop.project(backend=READS, requires=["tool"])
    assert "/v1/entries/" in built_with(shop)
    # without the option none is made, however many builds there are
    assert "/v1/entries/" in built_with(shop)
    shop.install("--compile-bytecode", "--link-mode", "fold", "tool").ok()
    cached = built_with(shop)
    assert "/v1/images/" in cached
    # a bad image is told, and done without
    os.truncate(cached, 3)
    ran = shop.install("--reinstall", "./demo").ok()
    assert "the bytecode of `tool` in the store is damaged and not used" in ran.err
    assert "/v1/entries/" in eval(Path(shop.site(), "seen.py").read_text())


def test_compile_bytecode_applies_to_tools_from_the_second_build(shop: Workshop) -> None:
    tool(shop, "1.0")
    shop.project(backend=READS, requires=["tool"])
    assert "/v1/entries/" in built_with(shop, "--compile-bytecode")
    assert "/v1/images/" in built_with(shop, "--compile-bytecode")


def test_uncompilable_bytecode_fails_no_build(shop: Workshop) -> None:
    tool(shop, "1.0")
    shop.project(backend=READS, requires=["tool"])
    built_with(shop)
    os.makedirs(f"{shop.store}/v1/images", exist_ok=True)

    def refuse(_verb: str, path: str) -> None:
        if "/images/" in path:
            raise OSError(28, "No space left on device", path)

    before = disk.observe(refuse)
    try:
        assert "/v1/entries/" in built_with(shop, "--compile-bytecode")
    finally:
        disk.observe(before)
