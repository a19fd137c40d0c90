"""`install` is a function of its arguments: with what the fast path found out, and without it."""

import pytest

from commonwheel.commands import install, install_fast_path
from commonwheel.commands.change_report import Change
from commonwheel.settings.settings import Parsed
from kit.cli import Cw


@pytest.mark.parametrize("handed_on", [True, False])
def test_install_with_and_without_the_start_that_is_handed_on(stocked: Cw, handed_on: bool) -> None:
    parsed = Parsed(("color",), {})
    with stocked.session("pip install", python="v") as session:
        start = None
        if handed_on:
            changes, start = install_fast_path.install(session, parsed)
            assert changes is None
            assert start is not None
        assert install.install(session, parsed, start).rows == (Change("color", "1.0", "added"),)


def test_nothing_is_handed_on_where_nothing_is_to_do(stocked: Cw) -> None:
    stocked("pip", "install", "-p", "v", "color").ok()
    with stocked.session("pip install", python="v") as session:
        changes, start = install_fast_path.install(session, Parsed(("color",), {}))
    assert start is None
    assert changes is not None
    assert changes.rows == ()


def test_report_of_an_installation_with_nothing_to_do(stocked: Cw) -> None:
    stocked("pip", "install", "-p", "v", "color").ok()
    ran = stocked("pip", "install", "-p", "v", "color", "--report", "-").ok()
    assert '"install": []' in ran.out
    stocked("pip", "install", "-p", "v", "color", "--report", "r.json", "--quiet").ok()
    with open(stocked.path("r.json"), encoding="utf-8") as stream:
        assert '"install": []' in stream.read()


def test_a_second_request_knows_nothing_of_the_first(stocked: Cw) -> None:
    with stocked.session("pip install", python="v") as session:
        install.install(session, Parsed(("lib==1.0",), {}))
        changes = install.install(session, Parsed(("color",), {}))
    assert [row.name for row in changes.rows] == ["color"]
