"""What the store has is taken, the rest is fetched; and what may be fetched is decided before anything is."""

from pathlib import Path

import pytest

from commonwheel.model import Pin
from commonwheel.operations import prepare, resolve
from commonwheel.session.session import Session
from commonwheel.specs.requirement import parse
from kit.cli import Cw
from kit.wheels import make_wheel, sha256_of


@pytest.fixture
def cw(tmp_path: Path) -> Cw:
    cw = Cw(tmp_path)
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    for name in ("one", "two"):
        make_wheel(cw.path("wheels"), name, "1.0", {f"{name}.py": ""})
    cw("venv", "v").ok()
    return cw


def pins_of(session: Session, *names: str) -> tuple[Pin, ...]:
    environment = session.environment(mutating=True)
    question = resolve.Question([parse(name) for name in names], session.target(environment))
    return resolve.with_files(resolve.answer(session.job(), question))


def test_only_missing_packages_are_prepared(cw: Cw) -> None:
    cw("pip", "install", "-p", "v", "one").ok()
    told: list[int] = []
    with cw.session("pip install", python="v") as session:
        pins = pins_of(session, "one", "two")
        found, missing = prepare.at_hand(session.job(), pins)
        assert (set(found), [pin.name for pin in missing]) == ({"one"}, ["two"])
        entries = prepare.entries(session.job(), pins, told.append)
        assert {name: entry.digest for name, entry in entries.items()} == {
            name: sha256_of(cw.path("wheels", f"{name}-1.0-py3-none-any.whl")) for name in ("one", "two")
        }
        assert told == [1]
        assert prepare.entries(session.job(), pins, told.append).keys() == entries.keys()
        assert told == [1]


def test_read_only_store_error_lists_all_missing_packages(cw: Cw) -> None:
    with cw.session("pip install", python="v", read_only_cache=True) as session:
        pins = pins_of(session, "one", "two")
        with pytest.raises(prepare.NotInStore) as caught:
            prepare.entries(session.job(), pins)
    assert caught.value.context == ("one==1.0", "two==1.0")
