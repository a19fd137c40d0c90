"""RFC 9111, case by case."""

import pytest

from commonwheel.net.freshness import DEFAULT, directives, freshness, lifetime, shareable, storable

NOW = 784_111_777.0
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"  # = NOW
MINUTE_LATER = "Sun, 06 Nov 1994 08:50:37 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, DEFAULT),
        ({"age": "100"}, DEFAULT - 100),
        ({"cache-control": "public"}, DEFAULT),
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": 'Max-Age="60"'}, 60),
        ({"cache-control": "s-maxage=9, max-age=60"}, 60),
        ({"cache-control": "max-age=60", "age": "20"}, 40),
        ({"cache-control": "max-age=60", "age": "100"}, 0),
        ({"cache-control": "max-age=60", "date": "Sun, 06 Nov 1994 08:49:07 GMT"}, 30),
        ({"cache-control": "max-age=60", "date": MINUTE_LATER}, 60),
        ({"cache-control": "max-age=60", "expires": "0"}, 60),
        ({"cache-control": "max-age=junk"}, 0),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=1, max-age=60"}, 1),
        ({"cache-control": "max-age=99999999999999"}, 2**31),
        ({"cache-control": "no-cache, max-age=60"}, 0),
        ({"cache-control": 'no-cache="set-cookie, x", max-age=60'}, 0),
        ({"cache-control": "no-store"}, 0),
        ({"cache-control": "max-age=365, immutable"}, 365),
        ({"expires": MINUTE_LATER, "date": DATE}, 60),
        ({"expires": MINUTE_LATER}, 60),
        ({"expires": "0"}, 0),
        ({"expires": DATE, "date": DATE}, 0),
        ({"pragma": "no-cache"}, 0),
        ({"pragma": "no-cache", "cache-control": "max-age=60"}, 60),
        ({"vary": "*", "cache-control": "max-age=60"}, 0),
        ({"vary": "Accept", "cache-control": "max-age=60"}, 60),
    ],
)
def test_lifetime(headers: dict[str, str], seconds: float) -> None:
    assert lifetime(headers, NOW) == seconds


def test_default_lifetime() -> None:
    assert lifetime({}, NOW, default=0) == 0
    assert lifetime({"cache-control": "max-age=60"}, NOW, default=0) == 60


def test_quoted_commas_in_directives() -> None:
    assert directives({"cache-control": 'private="a, b", max-age=1,, FOO'}) == {
        "private": "a, b", "max-age": "1", "": "", "foo": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "authorized", "answer"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"cache-control": "public"}, True, True),
        ({"cache-control": "s-maxage=60"}, True, True),
        ({"cache-control": "private, max-age=60"}, False, False),
        ({"cache-control": "no-store"}, False, False),
    ],
)
def test_shareable(headers: dict[str, str], authorized: bool, answer: bool) -> None:
    assert shareable(headers, authorized=authorized) is answer


def test_storable() -> None:
    assert storable({"cache-control": "no-cache"})
    assert not storable({"cache-control": "max-age=5, no-store"})


def test_revalidation_uses_stored_validators() -> None:
    kept = freshness({"etag": 'W/"a"', "last-modified": DATE, "cache-control": "max-age=60, stale-if-error=30"}, NOW)
    assert (kept.until, kept.despite) == (NOW + 60, NOW + 90)
    assert kept.conditions == {"if-none-match": 'W/"a"', "if-modified-since": DATE}
    assert freshness({}, NOW).conditions == {}


def test_must_revalidate_forbids_stale_answers() -> None:
    kept = freshness({"cache-control": "max-age=60, stale-if-error=30, must-revalidate"}, NOW)
    assert kept.despite == kept.until


def test_status_304_renews() -> None:
    kept = freshness({"etag": '"a"', "last-modified": DATE, "cache-control": "max-age=60"}, NOW)
    renewed = kept.renewed({"cache-control": "max-age=10"}, NOW + 100)
    assert (renewed.until, renewed.etag, renewed.modified) == (NOW + 110, '"a"', DATE)
    assert kept.renewed({"etag": '"b"'}, NOW).etag == '"b"'
