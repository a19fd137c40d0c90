import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.model import Origin, PathSource
from commonwheel.specs import script_block
from commonwheel.specs.script_block import InvalidScript

SCRIPT = """\
#!/usr/bin/env -S cw run
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "requests<3",
#   "local @ ./local",
# ]
#
# [tool.uv]
# exclude-newer = "2024-01-01"
# ///
import requests
# /// other
# x
# ///
"""
# the reference implementation of PEP 723
REFERENCE = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


def test_read_block() -> None:
    for text in (SCRIPT, SCRIPT.replace("\n", "\r\n"), "\ufeff" + SCRIPT):
        found = script_block.read(text, "x.py", base_directory="/d")
        assert found is not None
        assert [str(r) for r in found.dependencies] == ["requests<3", "local @ /d/local"]
        assert found.dependencies[0].origin == Origin("x.py (dependencies[0])")
        assert found.dependencies[1].source == PathSource("/d/local")
        assert (found.requires_python, found.line) == (">=3.11", 2)
        assert found.tools == {"uv": {"exclude-newer": "2024-01-01"}}
    assert script_block.read("import os\n", "x.py") is None
    assert script_block.find_block(SCRIPT, "other") == ("x\n", 13)


LINES = st.sampled_from(["# /// script", "# /// other", "# ///", "#", "# a = 1", "#x", "x", "", "# /// a b", "#  ///"])


@settings(max_examples=500)
@given(st.lists(LINES, max_size=9).map("\n".join))
def test_matches_the_reference_implementation(text: str) -> None:
    matches = [match for match in REFERENCE.finditer(text) if match["type"] == "script"]
    if len(matches) > 1:
        with pytest.raises(InvalidScript):
            script_block.find_block(text)
        return
    found = script_block.find_block(text)
    if not matches:
        assert found is None
    else:
        expected = "".join(
            line[2:] if line.startswith("# ") else line[1:] for line in matches[0]["content"].splitlines(keepends=True)
        )
        assert found is not None
        assert found[0] == expected


def test_all_faults_are_reported_together() -> None:
    block = "# /// script\n# dependencies = ['a =1', 3, 'ok']\n# requires-python = 3\n# tool = 1\n# ///\n"
    with pytest.raises(InvalidScript) as caught:
        script_block.read(block, "x.py")
    assert [issue.partition(":")[0] for issue in caught.value.issues if not issue.startswith(" ")] == [
        "dependencies[0]", "dependencies[1]", "requires-python", "tool",
    ]  # fmt: skip


@pytest.mark.parametrize("toml", ["a =", "dependencies = 'x'", "requires-python = 'new'"])
def test_invalid_blocks(toml: str) -> None:
    with pytest.raises(InvalidScript, match=r"x\.py"):
        script_block.read(f"# /// script\n# {toml}\n# ///\n", "x.py")
