"""The text of a journal, whatever happens to it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.fs import disk, journal, journal_record, trees
from commonwheel.fs.journal_record import Record

# anything a path can be on Linux, and more: every character, and bytes that are no UTF-8
words = st.lists(
    st.one_of(st.text(), st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))).filter(
        lambda word: not any("\ud800" <= letter <= "\udfff" and not "\udc80" <= letter <= "\udcff" for letter in word)
    ),
    max_size=4,
).map(tuple)
events = st.lists(
    st.one_of(st.tuples(st.just("intend"), words), st.tuples(st.just("done"), st.integers(0, 5))), max_size=12
)


def written(history: list[tuple[str, object]]) -> tuple[bytes, list[list[Record]]]:
    """Return a journal, and what it said after the head and after each of its lines."""
    data, chain = journal_record.HEAD, journal_record.start()
    intents: list[tuple[str, ...]] = []
    done: set[int] = set()
    said: list[list[Record]] = [[]]
    for kind, what in history:
        if kind == "intend":
            assert isinstance(what, tuple)
            line, chain = journal_record.line(chain, journal_record.INTEND, len(intents), what)
            intents.append(what)
        else:
            assert isinstance(what, int)
            line, chain = journal_record.line(chain, journal_record.DONE, what)
            done.add(what)
        data += line
        said.append([Record(number, found, number in done) for number, found in enumerate(intents)])
    return data, said


@given(events)
def test_records_round_trip(history: list[tuple[str, object]]) -> None:
    data, said = written(history)
    assert journal_record.records(data) == said[-1]


@given(events, st.data())
def test_torn_tail_keeps_earlier_records(history: list[tuple[str, object]], draw: st.DataObject) -> None:
    data, said = written(history)
    cut = draw.draw(st.integers(0, len(data)))
    lines = data[:cut].count(b"\n")
    assert journal_record.records(data[:cut]) == (said[lines - 1] if lines else [])


@given(events, st.data(), st.binary(min_size=1, max_size=200))
def test_corrupt_tail_keeps_earlier_records(
    history: list[tuple[str, object]], draw: st.DataObject, noise: bytes
) -> None:
    data, said = written(history)
    cut = draw.draw(st.integers(len(journal_record.HEAD), len(data)))
    for mangled in (data[:cut] + b"\0" * (len(data) - cut), data[:cut] + noise):
        length = min(len(data), len(mangled))
        intact = next((at for at in range(length) if data[at] != mangled[at]), length)
        assert journal_record.records(mangled) == said[data[:intact].count(b"\n") - 1]


@given(events.filter(lambda history: len(history) > 2), st.data())
def test_lost_or_changed_line_ends_the_journal(history: list[tuple[str, object]], draw: st.DataObject) -> None:
    data, said = written(history)
    head, *lines = data.splitlines(keepends=True) if b"\r" not in data else split(data)
    which = draw.draw(st.integers(0, len(lines) - 2))
    without = b"".join((head, *lines[:which], *lines[which + 1 :]))
    twice = b"".join((head, *lines[: which + 1], *lines[which:]))
    assert journal_record.records(without) == said[which]
    assert journal_record.records(twice) == said[which + 1]


def split(data: bytes) -> list[bytes]:
    return [line + b"\n" for line in data.split(b"\n")[:-1]]


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    assert journal_record.records(data) == []
    assert isinstance(journal_record.records(journal_record.HEAD + data), list)


def test_valid_checksum_with_unknown_content_is_skipped() -> None:
    line, _ = journal_record.line(journal_record.start(), "done", 0)
    nonsense = line.replace(b"done\t0", b"done\tx")
    assert journal_record.records(journal_record.HEAD + nonsense) == []


def test_journal_on_disk(place: str) -> None:
    path = os.path.join(place, "journal")
    with journal.Journal.create(path) as book:
        assert book.intend("rename", "/a b", "/c\td\n") == 0
        assert book.intend_all([("one",), ("two", "")]) == 1
        book.done(1)
        # with the system at once: who reads now, finds it
        assert [record.done for record in journal_record.records(Path(path).read_bytes())] == [False, True, False]
        book.sync()
        book.done(0)
    assert journal_record.records(Path(path).read_bytes()) == [
        Record(0, ("rename", "/a b", "/c\td\n"), True),
        Record(1, ("one",), True),
        Record(2, ("two", ""), False),
    ]
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_second_journal_is_refused_while_one_exists(place: str) -> None:
    path = os.path.join(place, "journal")
    journal.Journal.create(path).close()
    with pytest.raises(disk.DiskError):
        journal.Journal.create(path)
    trees.remove(path)
    journal.Journal.create(path).close()


def test_what_is_no_journal_has_no_records() -> None:
    assert journal_record.records(b"") == []
    assert journal_record.records(b"something else\n") == []
