"""Several offers as one listing."""

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from commonwheel.index.index_config import Index
from commonwheel.index.merged_listing import MergedListing, Offer
from commonwheel.index.page_record import Draft, Page, Provenance
from commonwheel.index.rules import Terms
from commonwheel.index.selection import Judge
from commonwheel.model import SafeUrl, Target

TARGET = Target({"python_full_version": "3.11.4"}, ("py3-none-any",))
NAMES = ["demo-{}-py3-none-any.whl", "demo-{}-py2-none-any.whl", "demo-{}.tar.gz"]
VERSIONS = ["0.5", "1.0", "1.0.0", "1.0rc1", "1.5", "2.0", "2.0.dev1"]


def page_of(*files: tuple[str, str | None], status: str = "") -> Page:
    draft = Draft("https://index.example/simple", "demo")
    draft.extend((name, f"https://x.example/{name}", "", yanked, None, None, "", "", "") for name, yanked in files)
    return draft.finish(Provenance(status=status))


def offer(page: Page, *, linked: bool = False, name: str = "one", said: Terms | None = None) -> Offer:
    return Offer(Index(SafeUrl(f"https://{name}.example/simple")), page, said or Terms(sdists=False), linked=linked)


files = st.lists(
    st.tuples(
        st.builds(str.format, st.sampled_from(NAMES), st.sampled_from(VERSIONS)), st.sampled_from([None, None, "bad"])
    ),
    max_size=6,
)


@given(st.lists(files, min_size=1, max_size=4))
def test_version_is_usable_if_any_offer_is(offered: list[list[tuple[str, str | None]]]) -> None:
    judge = Judge(TARGET)
    offers = [offer(page_of(*found), name=f"n{n}") for n, found in enumerate(offered)]
    union = MergedListing("demo", offers, judge, ())
    listing = union.listing
    parsed = [Version(version) for version in listing.versions]
    assert parsed == sorted(set(parsed))
    assert set(parsed) == {Version(version) for known in offers for version in known.page.versions}
    out = 0
    for mask in listing.barred.values():
        assert not out & mask
        out |= mask
    assert not out & listing.yanked
    for number, version in enumerate(listing.versions):
        bit = 2 << number
        rows = []
        for known in offers:
            at = union.position(known, version)
            assert (at is None) is (Version(version) not in map(Version, known.page.versions))
            rows += known.page.files(at) or [] if at is not None else []
        best = judge.best(((0, row) for row in rows), lambda _: Terms(sdists=False))
        assert bool(out & bit) is (best is None)
        assert bool(listing.yanked & bit) is (best is not None and best[1].yanked is not None)
        assert bool(listing.prereleases & bit) is Version(version).is_prerelease


def test_single_offer_is_not_copied() -> None:
    page = page_of(("demo-1.0-py3-none-any.whl", None), ("demo-2.0-py3-none-any.whl", None))
    only = offer(page)
    union = MergedListing("demo", [only], Judge(TARGET), ())
    assert union.listing.versions is page.versions
    assert union.position(only, "2.0") == 1
    assert union.position(only, "3.0") is None


def test_tiers_order_earlier_indexes_first() -> None:
    one = offer(page_of(("demo-1.0-py3-none-any.whl", None), ("demo-0.5-py3-none-any.whl", None)))
    two = offer(page_of(("demo-2.0-py3-none-any.whl", None), ("demo-1.0-py3-none-any.whl", None)), name="two")
    local = offer(page_of(("demo-1.5-py3-none-any.whl", None)), linked=True, name="local")
    judge = Judge(TARGET)
    listing = MergedListing("demo", [one, two, local], judge, (), "unsafe-first-match").listing
    assert listing.versions == ("0.5", "1.0", "1.5", "2.0")
    assert listing.tiers == (0b01110, 0b10000)
    assert MergedListing("demo", [one, two, local], judge, (), "unsafe-best-match").listing.tiers == ()
    assert MergedListing("demo", [one, local], judge, (), "unsafe-first-match").listing.tiers == ()


def test_quarantined_project_is_excluded_whole() -> None:
    page = page_of(("demo-1.0-py3-none-any.whl", None), ("demo-2.0-py2-none-any.whl", None), status="quarantined")
    listing = MergedListing("demo", [offer(page)], Judge(TARGET), ()).listing
    assert dict(listing.barred) == {"quarantined": 0b110}
    assert MergedListing("demo", [offer(page_of(status="archived"))], Judge(TARGET), ()).listing.barred == {}


def test_no_versions_have_a_reason() -> None:
    assert (
        MergedListing("demo", [], Judge(TARGET), ("`a` does not have it", "`b` does not have it")).listing.note
        == "`a` does not have it; `b` does not have it"
    )
    note = MergedListing("demo", [offer(page_of())], Judge(TARGET), ()).listing.note
    assert "`https://one.example/simple`" in note
    assert "without a file" in note
