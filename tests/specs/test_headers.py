import email
import email.policy

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.specs import headers

NAMES = st.text(alphabet="ABCdef-19", min_size=1, max_size=8)
VALUES = st.text(alphabet="abc: ;é#", max_size=10).map(str.strip)
FOLDS = st.lists(st.text(alphabet="ab: ", min_size=1, max_size=6).map(lambda t: f" {t}x"), max_size=2)


@given(st.lists(st.tuples(NAMES, VALUES, FOLDS), max_size=6), st.text(alphabet="ab:\n ", max_size=20))
def test_parsing_matches_email(fields: list[tuple[str, str, list[str]]], body: str) -> None:
    text = "".join(f"{n}: {v}\n" + "".join(f"{line}\n" for line in more) for n, v, more in fields) + "\n" + body
    message = email.message_from_string(text, policy=email.policy.compat32)
    found, rest = headers.read(text)
    assert [(n, v.strip()) for n, v in found] == [(n.lower(), str(v).strip()) for n, v in message.items()]
    assert rest == message.get_payload()


def test_all_line_endings() -> None:
    assert headers.read("A: 1\r\nB: 2\rC: 3\n\nbody") == ([("a", "1"), ("b", "2"), ("c", "3")], "body")


def test_first_non_header_line_starts_the_body() -> None:
    assert headers.read("A: 1\nno header here\nB: 2") == ([("a", "1")], "no header here\nB: 2")


def test_unusual_bytes() -> None:
    assert headers.decode(b"\xef\xbb\xbfName: x") == "Name: x"
    assert headers.decode("Author: José".encode("latin-1")) == "Author: José"
    # splitlines would see ends of line in these
    assert headers.read("A: x\x0cy\x85z\u2028w\n") == ([("a", "x\x0cy\x85z\u2028w")], "")
