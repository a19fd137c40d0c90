"""Who holds a lock, as text."""

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.fs.holder import LIMIT, Holder, parse


def test_holder_is_described_in_one_line() -> None:
    holder = Holder("alice", "node1", 42, 0, "installing into /x y", "boot", True)
    assert parse(holder.line()) == holder
    assert str(holder).startswith("alice on node1 (process 42, since 19")
    assert str(holder).endswith(", installing into /x y)")


@given(st.text(), st.text(), st.integers(0, 1 << 22), st.integers(0, 1 << 32), st.text(), st.text(), st.booleans())
def test_unusual_names_become_one_line(
    user: str, host: str, pid: int, since: int, purpose: str, boot: str, beats: bool
) -> None:
    try:
        line = Holder(user, host, pid, since, purpose, boot, beats).line()
    except UnicodeEncodeError:
        return  # half a surrogate pair comes from no system call
    found = parse(line)
    assert line.count(b"\n") <= 1
    assert len(line) <= LIMIT
    if len(line) < LIMIT:
        assert found is not None
        assert (found.pid, found.since, found.beats) == (pid, since, beats)
        str(found)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(data: bytes) -> None:
    assert parse(data) is None
    found = parse(b"commonwheel lock 1\t" + data)
    assert found is None or str(found)
