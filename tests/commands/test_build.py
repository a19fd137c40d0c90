"""`cw build`: what is to be published appears complete, or not at all."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from kit.cli import Ran
from kit.sdists import BACKEND, pyproject
from kit.wheels import make_wheel
from kit.workshop import Workshop

BOTH = ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    (tmp_path / "a place").mkdir()
    return Workshop(str(tmp_path / "a place"))


def built(shop: Workshop, *words: str) -> Ran:
    return shop("build", "-p", "v", *words)


def test_a_source_distribution_and_its_wheel_appear_in_dist(shop: Workshop) -> None:
    path = shop.project(files={"made.txt": "x"})
    ran = built(shop, "demo").ok()
    assert sorted(name for name in os.listdir(f"{path}/dist") if not name.startswith(".")) == BOTH
    assert ran.out.split("\n")[:2] == [f"{path}/dist/demo-1.0.tar.gz", f"{path}/dist/demo-1.0-py3-none-any.whl"]
    assert shop.calls() == ["demo:sdist", "demo:wheel"]
    with tarfile.open(f"{path}/dist/demo-1.0.tar.gz") as tar:
        assert "demo-1.0/made.txt" in tar.getnames()
    assert Path(f"{path}/dist/.gitignore").read_text() == "*\n"
    assert shop.scratch() == []


def test_a_new_output_directory_may_go_without_gitignore(shop: Workshop) -> None:
    path = shop.project()
    built(shop, "demo", "--no-create-gitignore", "--no-build-logs", "--force-pep517").ok()
    assert sorted(os.listdir(f"{path}/dist")) == BOTH


def test_the_wheel_is_made_of_the_source_distribution(shop: Workshop) -> None:
    """A file that the source distribution leaves out is missing from the wheel too: better now than at every user's."""
    backend = BACKEND.replace("if os.path.isfile(found):", "if os.path.isfile(found) and found != 'left_out.py':")
    path = shop.project(backend=backend, files={"left_out.py": ""})
    built(shop, "demo").ok()
    assert "left_out.py" not in zipfile.ZipFile(f"{path}/dist/{BOTH[0]}").namelist()
    built(shop, "--wheel", "demo").ok()
    assert "left_out.py" in zipfile.ZipFile(f"{path}/dist/{BOTH[0]}").namelist()
    built(shop, "demo").ok()
    built(shop, "--sdist", "--wheel", "demo").ok()
    assert "left_out.py" in zipfile.ZipFile(f"{path}/dist/{BOTH[0]}").namelist()


@pytest.mark.parametrize(("option", "names"), [("--sdist", BOTH[1:]), ("--wheel", BOTH[:1])])
def test_one_of_the_two_can_be_built_alone(shop: Workshop, option: str, names: list[str]) -> None:
    shop.project()
    built(shop, option, "-o", "out", "demo").ok()
    assert os.listdir(shop.path("out")) == names
    assert not os.path.exists(shop.path("demo", "dist"))


def test_the_current_directory_is_built_where_none_is_named(shop: Workshop) -> None:
    shop.project(".")
    built(shop).ok()
    assert sorted(os.listdir(shop.path("dist"))) == [".gitignore", *BOTH]


def test_a_source_distribution_is_built_to_its_wheel_beside_it(shop: Workshop) -> None:
    path = shop.sdist(directory="elsewhere")
    built(shop, path).ok()
    assert sorted(os.listdir(shop.path("elsewhere"))) == BOTH
    os.rename(path, shop.path("elsewhere", "demo-2.0.tar.gz"))
    assert built(shop, "elsewhere/demo-2.0.tar.gz").code == 0  # its files do not name it: the backend does


def test_a_source_distribution_that_names_another_version_is_told(shop: Workshop) -> None:
    path = shop.sdist(directory="elsewhere", static=True)
    os.rename(path, shop.path("elsewhere", "demo-2.0.tar.gz"))
    ran = built(shop, "elsewhere/demo-2.0.tar.gz").failed(2)
    assert "should have version 2.0" in ran.err


def test_what_is_there_is_replaced_and_other_files_stay(shop: Workshop) -> None:
    path = shop.project()
    os.mkdir(f"{path}/dist")
    Path(path, "dist", BOTH[0]).write_text("old")
    Path(path, "dist", "notes.txt").write_text("mine")
    built(shop, "demo").ok()
    assert zipfile.is_zipfile(f"{path}/dist/{BOTH[0]}")
    assert Path(path, "dist", "notes.txt").read_text() == "mine"
    assert not os.path.exists(f"{path}/dist/.gitignore")


def test_the_build_environment_is_made_as_for_an_installation(shop: Workshop) -> None:
    make_wheel(shop.path("files"), "tool", "1.0", {"tool.py": "version = 1\n"})
    make_wheel(shop.path("files"), "tool", "2.0", {"tool.py": "version = 2\n"})
    backend = BACKEND.replace(
        "    found = sources()\n", "    import tool\n    found = {'seen.py': repr((tool.version, config_settings))}\n"
    )
    path = shop.project(backend=backend, requires=["tool"])
    shop.write("b.txt", "tool<2\n")
    built(shop, "--wheel", "-b", "b.txt", "-C", "a=b", "demo").ok()
    assert b"(1, {'a': 'b'})" in zipfile.ZipFile(f"{path}/dist/{BOTH[0]}").read("seen.py")


def test_nothing_appears_when_the_wheel_fails(shop: Workshop) -> None:
    path = shop.project(backend=BACKEND.replace("    found = sources()\n", "    raise SystemExit('no wheel today')\n"))
    ran = built(shop, "demo")
    assert ran.code == 2
    assert "no wheel today" in ran.err
    assert not os.path.exists(f"{path}/dist")
    assert shop.scratch() == []


def test_what_cannot_be_built_is_told(shop: Workshop) -> None:
    os.mkdir(shop.path("empty"))
    assert "does not look like a Python project" in built(shop, "empty").failed(1).err
    assert "no directory and no source distribution" in built(shop, "nowhere").failed(1).err
    Path(shop.path("some.txt")).write_text("x")
    assert "not in a format for source distributions" in built(shop, "some.txt").failed(1).err
    shop.project(backend=BACKEND.replace("def build_sdist", "def other"))
    assert built(shop, "demo").code == 2


def test_a_project_for_another_python_is_built_with_a_warning(shop: Workshop) -> None:
    shop.project(files={"pyproject.toml": pyproject("demo", more='requires-python = ">=3.99"')})
    assert "requires Python >=3.99" in built(shop, "demo").ok().err


def test_the_result_is_told_as_json(shop: Workshop) -> None:
    import hashlib
    import json

    path = shop.project()
    told = json.loads(built(shop, "--json", "--wheel", "demo").ok().out)
    data = Path(path, "dist", BOTH[0]).read_bytes()
    assert told == [{"file": f"{path}/dist/{BOTH[0]}", "sha256": hashlib.sha256(data).hexdigest()}]
