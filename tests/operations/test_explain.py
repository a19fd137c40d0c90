"""What is added to a bare reason, from the files of a catalogue."""

from typing import Any

import pytest

from commonwheel.errors import CommonwheelError
from commonwheel.index.index_config import Index
from commonwheel.model import Candidate, SafeUrl
from commonwheel.operations.explain import Explainer


def file(name: str = "lib-1.0-py3-none-any.whl", **fields: Any) -> Candidate:
    return Candidate("lib", "1.0", "wheel", name, SafeUrl(f"https://files.example/{name}"), **fields)


class FakeCatalogue:
    def __init__(self, *files: Candidate) -> None:
        self._files = files

    def files(self, name: str, version: str) -> tuple[Candidate, ...]:
        if version == "broken":
            raise CommonwheelError("the page is gone")
        return self._files


@pytest.mark.parametrize(
    ("files", "reason", "said"),
    [
        ([file(requires_python=">=3.99")], "requires-python", ">=3.99"),
        ([file(requires_python=">=3.9"), file(requires_python=">=3.10")], "requires-python", ""),
        ([file(yanked=""), file(yanked="it eats files")], "yanked", "it eats files"),
        ([file(yanked="")], "yanked", ""),
        ([file(uploaded=1_700_000_000.0), file(uploaded=1_600_000_000.0)], "exclude-newer", "2020-09-13"),
        ([file()], "exclude-newer", "at a time that the index does not tell"),
        (
            [file("lib-1.0-cp39-cp39-win_amd64.whl"), file("lib-1.0-cp310-cp310-macosx_11_0_arm64.macosx_12_0_arm64.whl"), file("lib-1.0.tar.gz")],
            "platform",
            "only for cp310, cp39 on macosx_11_0_arm64, macosx_12_0_arm64, win_amd64",
        ),
        ([file(f"lib-1.0-cp3{n}-cp3{n}-win_amd64.whl") for n in range(10, 18)], "platform", "only for cp310, cp311, cp312, cp313, cp314, cp315, ... on win_amd64"),
        ([file("lib-1.0.tar.gz")], "platform", ""),
        ([file()], "invalid", ""),
        ([], "yanked", ""),
    ],
)  # fmt: skip
def test_details(files: list[Candidate], reason: str, said: str) -> None:
    assert Explainer(FakeCatalogue(*files))("lib", "1.0", reason) == said


def test_unavailable_details_are_omitted() -> None:
    assert Explainer(FakeCatalogue(file()))("lib", "broken", "yanked") == ""


def test_reasons_for_a_missing_version() -> None:
    one, two = (Index(SafeUrl(f"https://{name}.example")) for name in "ab")
    local = Index(SafeUrl("file:///opt/simple"), beside=True)
    hidden = Index(SafeUrl("https://c.example"), "c", explicit=True)
    assert Explainer(FakeCatalogue(), [one])("lib", ">2", "missing") == ""
    assert Explainer(FakeCatalogue(), [local, one, hidden])("lib", ">2", "missing") == ""
    assert "unsafe-best-match" in Explainer(FakeCatalogue(), [one, two])("lib", ">2", "missing")
    assert Explainer(FakeCatalogue(), [one, two], strategy="unsafe-best-match")("lib", ">2", "missing") == ""
    assert "--offline" in Explainer(FakeCatalogue(), [one, two], offline=True)("lib", ">2", "missing")
    assert "--no-index" in Explainer(FakeCatalogue(), [])("lib", ">2", "missing")
