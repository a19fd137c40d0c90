"""The composition root: what is made when, what the settings make of it, and that everything is closed."""

import os
import sys

import pytest

from commonwheel.errors import UsageError
from commonwheel.model import Target
from commonwheel.resolve.inputs import Inputs
from commonwheel.session import documents
from kit.cli import Cw


@pytest.fixture
def cw(tmp_path):
    cw = Cw(tmp_path)
    cw.write("cw.toml", "no-index = true\n")
    return cw


def test_the_store_is_where_it_was_said_or_where_xdg_wants_it(cw):
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


def test_without_a_cache_there_is_one_for_a_while(cw):
    with cw.session(no_cache=True) as session:
        layer = session.store.layers[0]
        assert layer.root != cw.store
        assert os.path.dirname(layer.root) == os.path.dirname(cw.store)
    assert not os.path.exists(layer.root)
    assert not os.path.exists(cw.store)


def test_layers_come_before_the_personal_store(cw):
    with cw.session(layers=["/shared/one", "two"]) as session:
        assert [layer.root for layer in session.store.layers][:3] == ["/shared/one", cw.path("two"), cw.store]


def test_the_parts_are_made_once(cw):
    with cw.session() as session:
        assert session.store is session.store
        assert session.environments.where is session.environments.where
        job = session.job()
        assert job.network.indexes is job.network.indexes
        assert job.build_policies is job.build_policies


def test_what_was_typed_is_kept_without_secrets(cw):
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


def test_rules_of_choice(cw):
    given = {
        "no_binary": [":all:"], "only_binary": ["Two"], "exclude_newer": "2026-01-01", "exclude_newer_package": ["Three=false", "four=2026-02-01"],
        "refresh_package": ["Five"], "index_strategy": "unsafe-best-match", "resolution": "lowest",
    }  # fmt: skip
    with cw.session(**given) as session:
        job = session.job()
        rules = job.policies.rules()
        assert (rules.formats.wheels("one"), rules.formats.sdists("one")) == (False, True)
        assert rules.formats.sdists("two") is False
        assert rules.newest < rules.newest_of["four"]
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
def test_when_pre_releases_are_taken(cw, given, mode, modes):
    with cw.session(**given) as session:
        inputs = session.job().policies.applied(Inputs((), Target({}, ())))
        assert (inputs.prerelease, dict(inputs.prerelease_packages)) == (mode, modes)


def test_upgrades_may_be_narrowed(cw):
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
def test_from_which_python_on_a_universal_resolution_holds(cw, given, requires_python, oldest):
    cw("venv", "-p", sys.executable).ok()
    with cw.session("pip compile", **given) as session:
        assert session.job().solving.oldest_python(requires_python) == oldest


def test_a_directory_that_cannot_be_entered(cw):
    with pytest.raises(UsageError, match="nowhere"):
        cw.session(directory="nowhere").__enter__()


def test_files_that_describe_requirements(cw):
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


def test_what_was_opened_is_closed_even_when_a_command_fails(cw):
    closed = []

    def fail():
        with cw.session() as session:
            session.lifetime.at_end(lambda: closed.append(1), lambda: closed.append(2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert closed == [2, 1]


def test_copies_that_rest_are_gone_and_the_work_is_done_without_them(tmp_path):
    with Cw(tmp_path).session("pip install") as session:
        session.rest()  # there is none yet, and none is made for that
        copies = session.copies
        session.rest()
        assert copies is None or copies.ask("page") is None
