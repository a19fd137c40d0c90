"""Texts are in plain English: a list of words that must not be used, with a count for each room that only goes down."""

import pytest

from kit.words import Place, allowed, places, places_in_python, room, words_of


def test_no_room_has_more_forbidden_words_than_allowed() -> None:
    by_room: dict[str, list[str]] = {}
    for place in places():
        by_room.setdefault(room(place.path), []).append(str(place))
    limits = allowed()
    over = {name: found for name, found in by_room.items() if len(found) > limits.get(name, 0)}
    counts = ", ".join(f"{name}: {len(found)}, allowed {limits.get(name, 0)}" for name, found in over.items())
    assert not over, f"{counts}\n" + "\n".join(line for found in over.values() for line in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Tell whoever waits", ["whoever"]),
        ("Somebody\n else waits in vain.", ["Somebody", "in vain"]),
        ("the behaviour, and a colour", ["behaviour", "colour"]),
        ("The amendment, the theory, shell", []),
    ],
)
def test_words_are_found_whole_and_in_any_case(text: str, words: list[str]) -> None:
    assert [place.word for place in words_of(text, "x.md")] == words


def test_places_in_python_have_their_lines() -> None:
    source = '"""Say it."""\n\n# his\nTEXT = "anew"\n\ndef test_of_somebody():\n    pass\n'
    assert [(place.line, place.word) for place in places_in_python(source, "x.py", strings=False)] == [
        (3, "his"),
        (1, "Say"),
        (6, "somebody"),
    ]
    assert Place("x.py", 4, "anew", "again") in places_in_python(source, "x.py", strings=True)


def test_long_test_names_are_found() -> None:
    source = f"def test_{'a' * 55}(): ...\n\ndef test_{'a' * 56}(): ...\n"
    assert [place.line for place in places_in_python(source, "x.py", strings=False)] == [3]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/commonwheel/fs/disk.py", "src/commonwheel/fs"),
        ("src/commonwheel/model.py", "src/commonwheel/model"),
        ("tests/fs/test_disk.py", "tests/fs"),
        ("docs/decisions/0001-x.md", "docs"),
    ],
)
def test_files_are_counted_by_room(path: str, name: str) -> None:
    assert room(path) == name
