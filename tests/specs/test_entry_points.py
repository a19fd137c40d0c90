import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.specs import entry_points

TEXT = """\
# comment
stray = before:any
[console_scripts]
cw = commonwheel.cli:main
two words=pkg.mod : Class.method [extra1,extra2]  ; old comment
lonely line
Cw = other:main

[gui_scripts]
win = pkg:run
[pytest11]
thing = pkg.plugin
[console_scripts]
again = pkg:again
"""


def test_parse_groups_and_entries() -> None:
    groups = entry_points.parse(TEXT)
    assert groups["console_scripts"] == {
        "cw": "commonwheel.cli:main",
        "two words": "pkg.mod : Class.method [extra1,extra2]",
        "Cw": "other:main",
        "again": "pkg:again",
    }
    assert groups["pytest11"] == {"thing": "pkg.plugin"}


def test_scripts_from_entry_points() -> None:
    console, gui = entry_points.scripts(TEXT.encode())
    assert console == (
        ("Cw", "other:main"), ("again", "pkg:again"), ("cw", "commonwheel.cli:main"), ("two words", "pkg.mod:Class.method"),
    )  # fmt: skip
    assert gui == (("win", "pkg:run"),)
    assert entry_points.scripts("") == ((), ())


NAMES = st.text(alphabet="abcXY-_. 1", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.dictionaries(NAMES, st.sampled_from(["a:b", "a.b:c.d", "a:b [x]"]), max_size=5))
def test_parsing_matches_configparser(entries: dict[str, str]) -> None:
    text = "[console_scripts]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    assert entry_points.parse(text) == {"console_scripts": dict(parser["console_scripts"])}


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/b", "a\\b", "python", "Python", "PYTHON3", "python3.12", "python.exe", "pythonw", "PythonW.EXE", "pypy3",
     "python3.13t", "python3.14td", "python3d", "..", "a\x00b", "a\x1bb"],
)  # fmt: skip
def test_unsafe_script_names_are_refused(name: str) -> None:
    assert entry_points.name_fault(name)


@pytest.mark.parametrize(
    "name", ["python-config", "pythonista", "ipython", "py.test", "python3-config", "two words", "ptpython3"]
)
def test_safe_script_names_are_accepted(name: str) -> None:
    assert not entry_points.name_fault(name)


def test_all_faults_are_reported_together() -> None:
    text = "[console_scripts]\n../x = a:b\npython3 = a:b\nok = a b:c\n[gui_scripts]\nno = module\nbad = a:b [x\nkw = a:1b\n"
    with pytest.raises(entry_points.InvalidEntryPoint) as caught:
        entry_points.scripts(text)
    assert len(caught.value.issues) == 6


@pytest.mark.parametrize(
    "reference", ["a", "a:", ":b", "a b:c", "a:b;import os", "a:b()", "a..b:c", "a:b[x", "a:b\nimport os", "a:b c"]
)
def test_invalid_object_references_are_refused(reference: str) -> None:
    assert entry_points.object_reference(reference) is None
