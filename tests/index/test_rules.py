"""What of the offers is wanted."""

import pytest

from commonwheel.errors import UsageError
from commonwheel.index.index_config import Index
from commonwheel.index.rules import Formats, Rules, UnknownIndex
from commonwheel.model import SafeUrl

PLAIN = Index(SafeUrl("https://index.example/simple"), "plain")


def test_project_limit_wins_over_index_limit_over_general_limit() -> None:
    strict = Index(SafeUrl("https://strict.example"), newest=5.0)
    free = Index(SafeUrl("https://free.example"), newest=False)
    flat = Index(SafeUrl("https://flat.example"), flat=True)
    rules = Rules(newest=10.0, newest_of={"demo": 20.0, "free": None})
    for index, name, limit in (
        (PLAIN, "x", 10.0), (strict, "x", 5.0), (free, "x", None), (PLAIN, "demo", 20.0), (strict, "demo", 20.0), (strict, "free", None),
        (flat, "x", None), (flat, "demo", None),
    ):  # fmt: skip
        assert rules.terms(name, index).newest == limit


def test_terms_follow_the_formats() -> None:
    rules = Rules(formats=Formats(no_sdists=frozenset({"demo"})))
    assert (rules.terms("demo", PLAIN).wheels, rules.terms("demo", PLAIN).sdists) == (True, False)
    assert rules.terms("other", PLAIN).sdists


def test_refresh_all_or_some() -> None:
    assert Rules(refresh=True).refreshes("demo")
    assert not Rules().refreshes("demo")
    assert Rules(refresh=frozenset({"demo"})).refreshes("demo")
    assert not Rules(refresh=frozenset({"demo"})).refreshes("other")


def test_invalid_rules_are_named() -> None:
    with pytest.raises(UsageError) as caught:
        Rules(strategy="best").check([PLAIN])
    assert "first-index" in (caught.value.hint or "")
    with pytest.raises(UnknownIndex) as unknown:
        Rules(bound={"demo": "elsewhere"}).check([PLAIN])
    assert unknown.value.context == ("configured: plain",)
    Rules(bound={"demo": "plain"}).check([PLAIN])


def test_package_options_win_over_all() -> None:
    some = Formats(frozenset({":all:"}), frozenset({"numpy"}))
    assert (some.wheels("numpy"), some.sdists("numpy")) == (True, False)
    assert (some.wheels("flask"), some.sdists("flask")) == (False, True)
    other = Formats(frozenset({"numpy"}), frozenset({":all:"}))
    assert (other.wheels("numpy"), other.sdists("numpy")) == (False, True)
    assert (other.wheels("flask"), other.sdists("flask")) == (True, False)
    assert Formats().wheels("flask")
    assert Formats().sdists("flask")
