"""One index as it is configured: the names that its records have."""

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.index.index_config import Index
from commonwheel.model import SafeUrl


def index(url: str) -> Index:
    return Index(SafeUrl(url))


@given(st.text(max_size=40), st.text(max_size=40))
def test_keys_are_plain_and_distinct(one: str, two: str) -> None:
    keys = [index(f"https://index.example/{text}").key for text in (one, two)]
    for key in keys:
        assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
        assert key[0] not in "-."
    if one.rstrip("/") != two.rstrip("/"):
        assert keys[0] != keys[1]


def test_key_is_readable_without_secrets() -> None:
    assert index("https://user:secret@index.example:8080/a/simple/").key.startswith("index.example-8080-a-simple-")
    assert index("https://user:secret@index.example/simple").key == index("https://index.example/simple/").key
    assert index("http://index.example/simple").key != index("https://index.example/simple").key
    assert (
        index("https://user:secret@index.example/simple").page_url("demo").secret
        == "https://user:secret@index.example/simple/demo/"
    )
    assert "secret" not in str(index("https://user:secret@index.example/simple"))
