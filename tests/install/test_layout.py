"""install/layout.py: which paths appear, folded and not, and who clashes with whom."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from commonwheel.install import dist_info
from commonwheel.install import layout as install_layout
from commonwheel.install.clashes import ClashError
from commonwheel.install.nodes import File, Folder, Incoming, Link, Text, Tree
from commonwheel.install.site_view import Ground
from kit.shelf import Shelf, environment, installed, pins

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from commonwheel.install.layout import Layout
    from commonwheel.install.nodes import Node
    from commonwheel.model import Entry, Environment, Installed


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "store"))


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    return environment(str(tmp_path / "env"))


def lay(
    env: Environment, shelf: Shelf, *entries: Entry, fold: bool = False, gone: Collection[str] = (),
    kept: Sequence[Installed] = (),
) -> Layout:  # fmt: skip
    incoming = [Incoming(entry, dist_info.texts(pins(entry)[0], entry)) for entry in entries]
    folding = [entry.name for entry in entries] if fold else []
    return install_layout.placements(incoming, env, Ground(gone), shelf, folding, kept)


def shown(layout: Layout, env: Environment) -> dict[str, str]:
    """Return every path of a layout, relative to the root, with what is to be there."""
    found: dict[str, str] = {}

    def walk(node: Node, path: str) -> None:
        if isinstance(node, Folder):
            for name, child in node.children.items():
                walk(child, f"{path}/{name}")
        else:
            kind = {Tree: "tree", File: "file", Text: "text", Link: "link"}[type(node)]
            found[path[len(env.root) + 1 :]] = "fold" if isinstance(node, Tree) and node.folded else kind

    for one in layout.placements:
        walk(one.node, one.path)
    return found


def record(layout: Layout, name: str) -> list[str]:
    for one in layout.placements:
        if os.path.basename(one.path).startswith(f"{name}-") and isinstance(one.node, Folder):
            text = one.node.children["RECORD"]
            assert isinstance(text, Text)
            return text.data.decode().splitlines()
    raise AssertionError(name)


SITE = "lib/python3.11/site-packages"


def test_single_package_is_one_node_with_dist_info_last(env: Environment, shelf: Shelf) -> None:
    entry = shelf.add(
        "alpha", "1.0", {"alpha/__init__.py": "", "alpha/a/b.py": "", "mod.py": ""}, console=[("al", "a:b")]
    )
    layout = lay(env, shelf, entry)
    assert shown(layout, env) == {
        f"{SITE}/alpha": "tree",
        f"{SITE}/mod.py": "file",
        "bin/al": "text",
        f"{SITE}/alpha-1.0.dist-info/METADATA": "file",
        f"{SITE}/alpha-1.0.dist-info/WHEEL": "file",
        f"{SITE}/alpha-1.0.dist-info/INSTALLER": "text",
        f"{SITE}/alpha-1.0.dist-info/RECORD": "text",
    }
    assert [one.listing for one in layout.placements] == [False, False, False, True]


def test_folded_packages_need_no_file_list(env: Environment, shelf: Shelf) -> None:
    entry = shelf.add("alpha", "1.0", {"alpha/__init__.py": "", "alpha/a/b.py": "", "mod.py": ""})
    layout = lay(env, shelf, entry, fold=True)
    assert shelf.files_asked == 0
    assert shown(layout, env)[f"{SITE}/alpha"] == "fold"
    lines = record(layout, "alpha")
    assert lines[0] == "alpha,,"
    assert lines[1:] == sorted(lines[1:])
    assert "alpha-1.0.dist-info/RECORD,," in lines
    assert [line.partition(",")[0] for line in lines[1:] if line.startswith("alpha/")] == [
        "alpha/__init__.py",
        "alpha/a/b.py",
    ]


@pytest.mark.parametrize("fold", [False, True])
def test_shared_directories_are_unfolded_as_far_as_needed(env: Environment, shelf: Shelf, fold: bool) -> None:
    one = shelf.add("one", "1.0", {"ns/one/a.py": "", "ns/one/deep/b.py": "", "ns/x.py": ""}, foldable=("ns",))
    two = shelf.add("two", "1.0", {"ns/two/a.py": "", "ns/one/plug.py": ""}, foldable=("ns",))
    found = shown(lay(env, shelf, one, two, fold=fold), env)
    tree = "fold" if fold else "tree"
    assert {path: kind for path, kind in found.items() if path.startswith(f"{SITE}/ns")} == {
        f"{SITE}/ns/x.py": "file",
        f"{SITE}/ns/one/a.py": "file",
        f"{SITE}/ns/one/deep": tree,
        f"{SITE}/ns/one/plug.py": "file",
        f"{SITE}/ns/two": tree,
    }


def test_records_list_links_left_after_unfolding(env: Environment, shelf: Shelf) -> None:
    one = shelf.add("one", "1.0", {"ns/one/a.py": ""}, foldable=("ns",))
    two = shelf.add("two", "1.0", {"ns/two/a.py": ""}, foldable=("ns",))
    layout = lay(env, shelf, one, two, fold=True)
    assert record(layout, "one")[0] == "ns/one,,"
    assert record(layout, "two")[0] == "ns/two,,"


def test_existing_directories_cause_unfolding(env: Environment, shelf: Shelf) -> None:
    os.makedirs(f"{env.root}/{SITE}/ns/other")
    entry = shelf.add("one", "1.0", {"ns/one/a.py": "", "ns/b.py": ""}, foldable=("ns",))
    found = shown(lay(env, shelf, entry, fold=True), env)
    assert found[f"{SITE}/ns/one"] == "fold"
    assert found[f"{SITE}/ns/b.py"] == "file"


def test_folded_installed_package_unfolds_with_its_record(env: Environment, shelf: Shelf) -> None:
    first = shelf.add("first", "1.0", {"pkg/__init__.py": "", "pkg/sub/a.py": "", "pkg/sub/deep/b.py": ""})
    site = f"{env.root}/{SITE}"
    os.symlink(f"{first.tree}/pkg", f"{site}/pkg")
    os.makedirs(f"{site}/first-1.0.dist-info")
    with open(f"{site}/first-1.0.dist-info/RECORD", "w", encoding="utf-8") as file:
        file.write("pkg,,\nfirst-1.0.dist-info/RECORD,,\npkg/__init__.py,sha256=x,0\n")
    second = shelf.add("second", "1.0", {"pkg/sub/plugin.py": ""}, foldable=())
    layout = lay(env, shelf, second, fold=True, kept=installed(env))
    found = shown(layout, env)
    assert {path: kind for path, kind in found.items() if path.startswith(f"{SITE}/pkg")} == {
        f"{SITE}/pkg/__init__.py": "link",
        f"{SITE}/pkg/sub/a.py": "link",
        f"{SITE}/pkg/sub/deep": "link",
        f"{SITE}/pkg/sub/plugin.py": "file",
    }
    rewritten = next(one for one in layout.placements if one.path.endswith("first-1.0.dist-info/RECORD"))
    assert isinstance(rewritten.node, Text)
    assert rewritten.node.data.decode().splitlines()[0] == "pkg/sub/deep,,"
    assert [one.path for one in layout.placements if one.replaces] == [
        f"{site}/first-1.0.dist-info/RECORD", f"{site}/pkg",
    ]  # fmt: skip
    assert layout.in_the_way == ()


def test_equal_files_of_two_packages_are_silent(env: Environment, shelf: Shelf) -> None:
    one = shelf.add("one", "1.0", {"tests/__init__.py": "", "one.py": ""}, foldable=())
    two = shelf.add("two", "1.0", {"tests/__init__.py": "", "two.py": ""}, foldable=())
    layout = lay(env, shelf, one, two)
    assert layout.clashes == ()
    assert shown(layout, env)[f"{SITE}/tests/__init__.py"] == "file"


def test_clash_is_reported_and_later_name_wins(env: Environment, shelf: Shelf) -> None:
    one = shelf.add("one", "1.0", {"mod.py": "1", "t/a.py": "1"}, console=[("run", "one:x")])
    two = shelf.add("two", "1.0", {"mod.py": "2", "t/a.py": "2"}, console=[("run", "two:x")])
    layout = lay(env, shelf, two, one)
    assert {os.path.basename(clash.path) for clash in layout.clashes} == {"mod.py", "a.py", "run"}
    assert all(clash.owners == ("one", "two") for clash in layout.clashes)
    kept = next(one.node for one in layout.placements if one.path.endswith("/mod.py"))
    assert isinstance(kept, File)
    assert kept.entry is two


@pytest.mark.parametrize(
    ("files", "data", "console"),
    [
        ({"other.py/x.py": ""}, {}, []),  # a directory where the other package has a module
        ({"other-1.0.dist-info/x": ""}, {}, []),
        ({}, {"scripts/python3": "#!python\n"}, []),
        ({}, {"scripts/Python3.11.exe": ""}, []),
        ({}, {"data/bin/python": ""}, []),
        ({}, {"data/pyvenv.cfg": ""}, []),
        ({}, {"data/.cw/history/000001": ""}, []),
        ({}, {"data/conda-meta/history": ""}, []),
        ({}, {"purelib/other-1.0.dist-info/METADATA": ""}, []),
        ({}, {"data/lib/python3.11/site-packages/other-1.0.dist-info/RECORD": ""}, []),
        ({}, {"unknown/x": ""}, []),
        ({}, {"data/out/x": ""}, []),
        ({}, {"data/occupied": ""}, []),
    ],
)
def test_harmful_clash_is_refused(
    env: Environment, shelf: Shelf, tmp_path: Path, files: dict[str, str], data: dict[str, str],
    console: list[tuple[str, str]],
) -> None:  # fmt: skip
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", f"{env.root}/out")
    os.makedirs(f"{env.root}/occupied/by/others")
    other = shelf.add("other", "1.0", {"other.py": ""})
    bad = shelf.add("bad", "1.0", {"bad.py": "", **files}, data=data, console=console, foldable=())
    with pytest.raises(ClashError) as caught:
        lay(env, shelf, other, bad)
    assert any("bad" in clash.owners for clash in caught.value.clashes)


@pytest.mark.parametrize("kind", ["target", "prefix", "venv", "system"])
@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", [".cw", ".CW", ".cw.", ".c\u200dw"])
@pytest.mark.parametrize("inner", ["history/000001", "lock", ".tmp-h-1-0/journal", "journal/new/x", ""])
def test_no_wheel_brings_the_state_of_an_environment(
    tmp_path: Path, shelf: Shelf, kind: str, fold: bool, name: str, inner: str
) -> None:
    env = environment(str(tmp_path / kind), kind)
    path = f"{name}/{inner}".rstrip("/")
    bad = [shelf.add("bad", "1.0", {"bad.py": "", path: "x"})]
    schemes = ["purelib", "platlib", "data"] if kind == "target" else ["purelib", "platlib"]
    bad += [
        shelf.add("bad", str(number), {"bad.py": ""}, data={f"{scheme}/{path}": "x"})
        for number, scheme in enumerate(schemes, 2)
    ]
    if kind != "target":
        site = env.paths["purelib"].removeprefix(f"{env.root}/")
        bad.append(shelf.add("bad", "9", {"bad.py": ""}, data={f"data/{site}/{path}": "x"}))
    if kind != "system":
        bad.append(shelf.add("bad", "10", {"bad.py": ""}, data={f"data/{path}": "x"}))
    for entry in bad:
        with pytest.raises(ClashError, match="bad") as caught:
            lay(env, shelf, entry, fold=fold)
        assert "keeps the environment itself" in str(caught.value.context)


@pytest.mark.parametrize("path", ["pyvenv.cfg", "conda-meta/history"])
def test_no_wheel_makes_a_target_something_else(tmp_path: Path, shelf: Shelf, path: str) -> None:
    env = environment(str(tmp_path / "target"), "target")
    with pytest.raises(ClashError):
        lay(env, shelf, shelf.add("bad", "1.0", {"bad.py": "", path: "x"}))


def test_data_follows_its_scheme_and_is_recorded(env: Environment, shelf: Shelf) -> None:
    os.makedirs(f"{env.root}/share/man")
    os.symlink("share/man", f"{env.root}/man")
    entry = shelf.add(
        "Al_pha", "1.0", {"alpha.py": ""},
        data={
            "scripts/go": "#!python\nx\n", "scripts/bin": "\x7f", "data/man/go.1": "m", "data/etc/a": "x", "headers/a.h": "h",
            "purelib/pure.py": "p", "platlib/plat/x.py": "p",
        },
    )  # fmt: skip
    layout = lay(env, shelf, entry)
    found = shown(layout, env)
    assert found["bin/go"] == "text"
    assert found["bin/bin"] == "text"  # a link would have the mode of the archive
    assert found["share/man/go.1"] == "file"
    assert found["etc/a"] == "file"
    assert found["include/site/python3.11/Al_pha/a.h"] == "file"
    assert found[f"{SITE}/pure.py"] == "file"
    assert not [path for path in found if ".data" in path]
    lines = [line.partition(",")[0] for line in record(layout, "Al_pha")]
    assert {"../../../bin/go", "../../../share/man/go.1", "pure.py", "plat/x.py"} <= set(lines)
    assert not [line for line in lines if ".data" in line]
    scripts_ = [one.node for one in layout.placements if one.path.endswith(("bin/go", "bin/bin"))]
    assert all(isinstance(node, Text | File) and node.executable for node in scripts_)


def test_foreign_files_in_the_way_are_named(env: Environment, shelf: Shelf) -> None:
    for path in ("bin/al", f"{SITE}/mod.py", f"{SITE}/alpha-1.0.dist-info/rest"):
        os.makedirs(os.path.dirname(f"{env.root}/{path}"), exist_ok=True)
        with open(f"{env.root}/{path}", "w", encoding="utf-8"):
            pass
    entry = shelf.add("alpha", "1.0", {"mod.py": ""}, console=[("al", "alpha:x")])
    layout = lay(env, shelf, entry)
    assert sorted(path[len(env.root) + 1 :] for path in layout.in_the_way) == [
        "bin/al", f"{SITE}/alpha-1.0.dist-info", f"{SITE}/mod.py",
    ]  # fmt: skip
    assert all(one.replaces for one in layout.placements)
    # and what is about to be gone is not in the way
    assert lay(env, shelf, entry, gone=layout.in_the_way).in_the_way == ()


@pytest.mark.parametrize("fold", [False, True])
def test_bytecode_follows_its_module_silently(env: Environment, shelf: Shelf, fold: bool) -> None:
    first = {"__pycache__/m.cpython-311.pyc": "1", "a.py": "", "sp/__pycache__/m.cpython-311.pyc": "1", "sp/a.py": ""}
    one = shelf.add("one", "1.0", first, data={"scripts/__pycache__/r.cpython-311.pyc": "1"}, foldable=["sp"])
    second = {"__pycache__/m.cpython-311.pyc": "2", "b.py": "", "sp/__pycache__/m.cpython-311.pyc": "2", "sp/b.py": ""}
    two = shelf.add("two", "1.0", second, data={"purelib/__pycache__/p.cpython-311.pyc": "2"}, foldable=["sp"])
    site = env.paths["purelib"]
    os.mkdir(f"{site}/__pycache__")
    with open(f"{site}/__pycache__/m.cpython-311.pyc", "w"):
        pass
    layout = lay(env, shelf, one, two, fold=fold)
    assert (layout.clashes, layout.in_the_way) == ((), ())
    assert [
        place.node.entry.name for place in layout.placements if isinstance(place.node, File) and place.replaces
    ] == ["two"]
    compiled = {
        os.path.relpath(path, os.path.relpath(site, env.root)) for path in shown(layout, env) if path.endswith(".pyc")
    }
    assert compiled == {
        f"{where}__pycache__/{name}.cpython-311.pyc" for where, name in (("", "m"), ("", "p"), ("sp/", "m"))
    }
    assert not [line for line in record(layout, "two") if line.startswith("__pycache__/p.")]


def test_unusual_record_is_made_from_the_file_list(env: Environment, shelf: Shelf) -> None:
    entry = shelf.add("alpha", "1.0", {"a,b.py": "x", "alpha/c.py": "x"}, record='"a,b.py",md5=x,1\n')
    lines = record(lay(env, shelf, entry), "alpha")
    assert [line for line in lines if line.startswith('"a,b.py",sha256=')]
    assert [line for line in lines if line.startswith("alpha/c.py,sha256=")]


def test_separate_platlib_directory(tmp_path: Path, shelf: Shelf) -> None:
    env = environment(str(tmp_path / "env"))
    env = env.replaced(paths={**env.paths, "platlib": f"{env.root}/lib64/site-packages"})
    entry = shelf.add("alpha", "1.0", {"alpha/__init__.py": ""}, data={"purelib/pure.py": ""}, purelib=False)
    layout = lay(env, shelf, entry)
    found = shown(layout, env)
    assert "lib64/site-packages/alpha" in found
    assert f"{SITE}/pure.py" in found
    assert f"../../{SITE}/pure.py" in [line.partition(",")[0] for line in record(layout, "alpha")]
