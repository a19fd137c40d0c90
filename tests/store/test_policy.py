"""store.toml: the plain part of TOML is read here as `tomllib` reads it; the rest is handed to it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store import policy
from commonwheel.store.policy import InvalidPolicy, Policy, parse, size_of

if TYPE_CHECKING:
    from typing import Any

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-_0123456789", min_size=1)
POLICIES = st.builds(
    Policy,
    st.sampled_from(policy.SHARINGS), NAMES, st.lists(NAMES).map(tuple), st.sampled_from(policy.LINK_MODES),
    st.none() | st.booleans(), st.none() | st.integers(0),
)  # fmt: skip


@given(POLICIES)
def test_policy_round_trip(said: Policy) -> None:
    assert parse(policy.write(said)) == said


@given(st.text())
def test_any_text_is_handled(text: str) -> None:
    try:
        found = parse(text, tomllib.loads)
    except InvalidPolicy:
        return
    assert isinstance(found, Policy)


VALUES = [
    '"a"',
    "'b'",
    "1",
    "true",
    "[1, 2]",
    "[\"a\", 'b',]",
    '"x#y"',
    "[]",
    "0",
    '"with space"',
    "-1",
    "1.5",
    '"\\n"',
    "[[1]]",
]
LINES = st.sampled_from([f"{key} = {value}" for key in ("a", "b-c", "d_e", "'q'") for value in VALUES])
MORE = st.sampled_from(["", "# comment", "  ", "[table]", "a.b = 1", "a = 1 # why", 'x = "a" junk', 'y = """', "]"])


@given(st.lists(LINES | MORE, max_size=4))
def test_plain_reader_matches_tomllib_or_gives_up(lines: list[Any]) -> None:
    text = "\n".join(lines)
    found = policy._plain(text)
    if found is not None:
        assert found == tomllib.loads(text)


def test_complex_toml_uses_the_given_reader() -> None:
    text = 'sharing = "group"\ntrust = [\n  "builder", # the service\n]\n[future]\nx = 1\n'
    with pytest.raises(InvalidPolicy, match="plain way"):
        parse(text)
    assert parse(text, tomllib.loads) == Policy("group", trust=("builder",))


def test_unknown_keys_are_skipped() -> None:
    assert parse('sharing = "publish"\nfuture = "x"\n') == Policy("publish")
    assert parse("") == Policy()


def test_all_faults_are_reported() -> None:
    text = 'sharing = "all"\ngroup = true\ntrust = "x"\nlink-mode = "hard"\nkeep-archives = 1\nmax-size = "big"\n'
    with pytest.raises(InvalidPolicy) as caught:
        parse(text)
    assert len(caught.value.issues) == 6


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1000", 1000), ("2K", 2048), ("1.5 GiB", 3 << 29), ("200g", 200 << 30), ("3TB", 3 << 40), ("7 b", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1", "1X", "1..5", ".5", "one", "1e9"])
def test_invalid_sizes(text: str) -> None:
    assert size_of(text) is None
