"""What settings and files of requirements wish of every choice."""

from typing import Any

import pytest

from commonwheel.model import Origin, Target
from commonwheel.operations.request import InstallRequest
from commonwheel.resolve.request import Inputs
from commonwheel.specs.requirements_txt import Option
from kit.cli import Cw


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


def test_options_of_files_count_for_their_request_alone(cw: Cw) -> None:
    option = Option("only-binary", "lib", Origin("r.txt", 1))
    with cw.session() as session:
        asked, other = session.job(InstallRequest(options=(option,))), session.job()
        assert asked.policies.rules().formats.sdists("lib") is False
        assert other.policies.rules().formats.sdists("lib") is True
