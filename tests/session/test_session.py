"""The composition root: what is made when, what the settings make of it, and that everything is closed."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from commonwheel.errors import UsageError
from commonwheel.model import Target
from commonwheel.resolve.inputs import Inputs
from commonwheel.session import documents
from kit.cli import Cw


@pytest.fixture
def cw(tmp_path: Path) -> Cw:
    cw = Cw(tmp_path)
    cw.write("cw.toml", "no-index = true\n")
    return cw


def test_store_path_from_option_or_xdg(cw: Cw) -> None:
    with cw.session() as session:
        assert session.store_directory == cw.store
    del cw.environ["CW_CACHE_DIR"]
    cw.environ["UV_CACHE_DIR"] = "/uv"
    with cw.session() as session:
        assert session.store_directory == cw.path("home", ".cache", "cw")
    cw.environ["XDG_CACHE_HOME"] = "/xdg"
    with cw.session() as session:
        assert session.store_directory == "/xdg/cw"
    with cw.session(cache_dir="deep/er") as session:
        assert session.store_directory == cw.path("deep", "er")


def test_no_cache_uses_a_temporary_store(cw: Cw) -> None:
    with cw.session(no_cache=True) as session:
        layer = session.store.layers[0]
        assert layer.root != cw.store
        assert os.path.dirname(layer.root) == os.path.dirname(cw.store)
    assert not os.path.exists(layer.root)
    assert not os.path.exists(cw.store)


def test_layers_come_before_the_personal_store(cw: Cw) -> None:
    with cw.session(layers=["/shared/one", "two"]) as session:
        assert [layer.root for layer in session.store.layers][:3] == ["/shared/one", cw.path("two"), cw.store]


def test_parts_are_created_once(cw: Cw) -> None:
    with cw.session() as session:
        assert session.store is session.store
        assert session.environments.where is session.environments.where
        job = session.job()
        assert job.network.indexes is job.network.indexes
        assert job.build_policies is job.build_policies


def test_command_line_is_kept_without_secrets(cw: Cw) -> None:
    from commonwheel.session.session import Session, read_settings

    words = [
        "pip",
        "install",
        "--index-url=https://me:secret@index.example/simple",
        "a @ https://me:secret@files.example/a.whl",
    ]
    line = Session(read_settings({}), words=words).command_line
    assert "secret" not in line
    assert line.startswith("cw pip install --index-url=https://me:****@index.example/simple")


def test_rules_from_options(cw: Cw) -> None:
    given: dict[str, Any] = {
        "no_binary": [":all:"], "only_binary": ["Two"], "exclude_newer": "2026-01-01", "exclude_newer_package": ["Three=false", "four=2026-02-01"],
        "refresh_package": ["Five"], "index_strategy": "unsafe-best-match", "resolution": "lowest",
    }  # fmt: skip
    with cw.session(**given) as session:
        job = session.job()
        rules = job.policies.rules()
        assert (rules.formats.wheels("one"), rules.formats.sdists("one")) == (False, True)
        assert rules.formats.sdists("two") is False
        newest, newest_of_four = rules.newest, rules.newest_of["four"]
        assert newest is not None
        assert newest_of_four is not None
        assert newest < newest_of_four
        assert rules.newest_of["three"] is None
        assert (rules.refreshes("five"), rules.refreshes("six")) == (True, False)
        assert (rules.strategy, rules.lowest) == ("unsafe-best-match", True)
        plain = job.build_policies.rules()
        assert (plain.formats.wheels("one"), plain.lowest) == (True, False)


@pytest.mark.parametrize(
    ("given", "mode", "modes"),
    [
        ({}, "if-necessary", {}),
        ({"pre": True}, "allow", {}),
        ({"prerelease": "if-necessary-or-explicit"}, "if-necessary", {}),
        ({"prerelease_package": ["A_b=allow", "c=explicit"]}, "if-necessary", {"a-b": "allow", "c": "explicit"}),
        ({"all_releases": [":all:"], "only_final": ["D"]}, "allow", {"d": "disallow"}),
    ],
)
def test_prerelease_modes(cw: Cw, given: dict[str, Any], mode: str, modes: dict[str, str]) -> None:
    with cw.session(**given) as session:
        inputs = session.job().policies.applied(Inputs((), Target({}, ())))
        assert (inputs.prerelease, dict(inputs.prerelease_packages)) == (mode, modes)


def test_upgrades_may_be_limited_to_packages(cw: Cw) -> None:
    with cw.session(upgrade_package=["A", "b<2"]) as session:
        inputs = session.job().policies.applied(Inputs((), Target({}, ())))
        assert inputs.upgrade_packages == {"a", "b"}
        assert [str(one) for one in inputs.constraints] == ["b<2"]


@pytest.mark.parametrize(
    ("given", "requires_python", "oldest"),
    [
        ({"python_version": "3.9"}, ">=3.11", "3.9"),
        ({}, ">=3.10,<4", "3.10"),
        ({}, "", "{}.{}".format(*sys.version_info)),
    ],
)
def test_oldest_python_of_a_universal_resolution(
    cw: Cw, given: dict[str, Any], requires_python: str, oldest: str
) -> None:
    cw("venv", "-p", sys.executable).ok()
    with cw.session("pip compile", **given) as session:
        assert session.job().solving.oldest_python(requires_python) == oldest


def test_missing_directory_option_is_an_error(cw: Cw) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        cw.session(directory="nowhere").__enter__()


def test_requirement_files_errors(cw: Cw) -> None:
    with cw.session() as session:
        texts = documents.Texts(lambda: session.job().network.client)
        with pytest.raises(UsageError, match="cannot be read"):
            texts.project("none.toml")
        with pytest.raises(UsageError, match=r"none\.py"):
            texts.script("none.py", cw.path("none.py"))
        cw.write("plain.py", "print(1)\n")
        assert texts.script("plain.py", cw.path("plain.py")) is None
        with pytest.raises(UsageError, match=r"pylock\.toml"):
            texts.lock("pylock.toml", cw.path("pylock.toml"))


def test_failing_command_closes_everything(cw: Cw) -> None:
    closed: list[int] = []

    def fail() -> None:
        with cw.session() as session:
            session.lifetime.at_end(lambda: closed.append(1), lambda: closed.append(2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert closed == [2, 1]


def test_resting_workers_end_and_work_continues_without_them(tmp_path: Path) -> None:
    with Cw(tmp_path).session("pip install") as session:
        session.rest()  # there is none yet, and none is made for that
        copies = session.copies
        session.rest()
        assert copies is None or copies.ask("page") is None
