"""A page that is pressed by a copy of this process is the page that we would have made."""

import json
from collections.abc import Iterator

import pytest

from commonwheel.index import packed, pressing
from commonwheel.index.configured import Index
from commonwheel.index.packed import Page, Provenance
from commonwheel.index.pressing import IndexPageMismatch
from commonwheel.index.registry import Registry
from commonwheel.model import SafeUrl
from kit.desk import Desk, offer_many
from kit.index_server import JSON, Always, Garbage, IndexServer
from kit.wheels import wheel_bytes, wheel_filename


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as made:
        made.add(
            wheel_filename("demo", "1.0"), wheel_bytes("demo", "1.0", {}, requires=["lib"]), requires_python=">=3.8"
        )
        yield made


class Aside:
    """Stand for the copies: keep what was asked, and answer as one of them would, or not at all."""

    def __init__(self, *, answers: bool = True) -> None:
        self.asked: list[tuple[object, ...]] = []
        self._answers = answers

    def __call__(self, *words: object) -> object:
        self.asked.append(words)
        if not self._answers:
            return None
        try:
            return pressing.pressed(*words[1:])  # type: ignore[arg-type]
        except Exception:
            return None


def page(desk: Desk, server: IndexServer, aside: Aside | None) -> Page:
    registry = Registry(desk.client, desk.pages, lambda: desk.now, reporter=desk.notes, aside=aside)
    try:
        found = registry.page(Index(SafeUrl(server.url)), "demo", None).result().page
    finally:
        registry.close()
    assert found is not None
    return found


def told(found: Page) -> object:
    return (
        found.versions,
        found.profiles,
        found.tags,
        found.times,
        found.provenance,
        found.rows,
        list(found.all_files()),
    )


@pytest.mark.parametrize("versions", [0, 400])
@pytest.mark.parametrize("answers", [True, False])
def test_a_copy_makes_the_same_page(server: IndexServer, versions: int, answers: bool) -> None:
    offer_many(server, versions)
    with Desk() as alone, Desk() as helped:
        helped.now = alone.now
        aside = Aside(answers=answers)
        own, theirs = page(alone, server, None), page(helped, server, aside)
        assert [words[0] for words in aside.asked] == ["page"]
        assert told(theirs) == told(own)
        assert packed.lies_apart(own) is (versions > 0)
        assert helped.pages.records == alone.pages.records


def test_an_error_is_told_as_without_copies(server: IndexServer) -> None:
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "evil", "files": []}).encode()
    server.script("/simple/demo/", Always(Garbage(body, JSON)))
    with Desk() as desk, pytest.raises(IndexPageMismatch, match="`evil`"):
        page(desk, server, Aside())


def test_remarks_on_a_page_are_told_whoever_read_it(server: IndexServer) -> None:
    body = json.dumps({"meta": {"api-version": "1.999"}, "name": "demo", "files": []}).encode()
    server.script("/simple/demo/", Always(Garbage(body, JSON)))
    said = []
    for aside in (None, Aside()):
        with Desk() as desk:
            page(desk, server, aside)
            said.append(desk.notes.of("debug"))
    assert said[0] == said[1]
    assert "1.999" in said[0][0]


def test_words_make_the_same_provenance() -> None:
    source = Provenance(5, 605, "https://index.example/demo/", '"e"', "Mon", "c", "archived", "over")
    assert Provenance(*source.words) == source  # type: ignore[arg-type]
