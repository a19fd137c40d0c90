"""What a wheel says of itself; `test_unpack` has the table of what can be wrong with it."""

from hypothesis import given
from hypothesis import strategies as st

from commonwheel.store import wheel
from kit.wheels import record_row

INFO = "demo-1.0.dist-info"
TEXTS = {
    f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: Demo\nVersion: 1.0.0\nRequires-Dist: a\n  >=1\n",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\n",
    f"{INFO}/RECORD": b"",
    "demo/a.py": b"",
}


def described(
    texts: dict[str, bytes], filename: str = "demo-1.0-py3-none-any.whl"
) -> tuple[wheel.Described | None, list[str]]:
    issues: list[str] = []
    return wheel.describe(filename, texts, texts.__getitem__, issues), issues


def test_wheel_is_described_in_its_own_spelling() -> None:
    found, issues = described(TEXTS)
    assert issues == []
    assert found is not None
    assert (found.name, found.version, found.spelled) == ("demo", "1.0.0", ("Demo", "1.0.0"))
    assert not found.purelib
    assert found.requires == ("a >=1",)


@given(st.dictionaries(st.sampled_from([*TEXTS, f"{INFO}/entry_points.txt"]), st.binary()))
def test_any_texts_are_handled(texts: dict[str, bytes]) -> None:
    found, issues = described(texts)
    assert found is not None or issues


@given(st.binary())
def test_any_record_is_handled(data: bytes) -> None:
    issues: list[str] = []
    path = f"{INFO}/RECORD"
    found = wheel.recorded(INFO, {path, "demo/a.py"}, lambda _: data, issues)
    found.fault("demo/a.py", 0, bytes(32), lambda _: b"")
    assert issues


def test_file_is_checked_against_its_row() -> None:
    data = (record_row("demo/a.py", b"x") + "\n").encode()
    issues: list[str] = []
    found = wheel.recorded(INFO, {f"{INFO}/RECORD", "demo/a.py"}, lambda _: data, issues)
    assert issues == []
    assert "has 2 bytes" in found.fault("demo/a.py", 2, bytes(32), lambda _: b"")
    assert "has sha256" in found.fault("demo/a.py", 1, bytes(32), lambda _: bytes(32))
