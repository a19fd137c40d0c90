"""The installation report, held against pip's own."""

import json
import os
import subprocess
import sys

import pytest

from commonwheel.model import Candidate, Digest, PathSource, Pin, Plan, SafeUrl, UrlSource, VcsSource
from commonwheel.specs.report import json_fields, of_plan
from kit.cli import Cw
from kit.wheels import make_wheel

URL = SafeUrl("https://me:secret@files.example/lib-1.0-py3-none-any.whl")


def row(pin: Pin) -> dict[str, object]:
    (found,) = of_plan(Plan(add=(pin,)), {}, {"python_version": "3.12"}, "1", {"lib": "f" * 64})["install"]  # type: ignore[misc]
    return found  # type: ignore[no-any-return, has-type]


def test_origins_in_the_report() -> None:
    wheel = Candidate("lib", "1.0", "wheel", "lib-1.0-py3-none-any.whl", URL, (Digest("sha256", "a" * 64),), yanked="")
    found = row(Pin("lib", "1.0", wheel, requested=True, extras=("fast",)))
    assert found["download_info"] == {
        "url": "https://files.example/lib-1.0-py3-none-any.whl",
        "archive_info": {"hashes": {"sha256": "a" * 64}, "hash": "sha256=" + "a" * 64},
    }
    assert (found["is_direct"], found["is_yanked"], found["requested"], found["requested_extras"]) == (
        False,
        True,
        True,
        ["fast"],
    )
    unhashed = row(Pin("lib", "1.0", wheel.replaced(digests=())))
    assert unhashed["download_info"]["archive_info"]["hashes"] == {"sha256": "f" * 64}  # type: ignore[index]


@pytest.mark.parametrize(
    ("source", "info"),
    [
        (UrlSource(URL, digests=(Digest("sha256", "b" * 64),)), {"url": URL.bare, "archive_info": {"hashes": {"sha256": "b" * 64}, "hash": "sha256=" + "b" * 64}}),
        (PathSource("/a place/lib"), {"url": "file:///a%20place/lib", "dir_info": {}}),
        (PathSource("/lib", editable=True), {"url": "file:///lib", "dir_info": {"editable": True}}),
        (PathSource("/lib-1.0.tar.gz"), {"url": "file:///lib-1.0.tar.gz", "archive_info": {"hashes": {}}}),
        (
            VcsSource("git", SafeUrl("https://me:secret@host.example/lib"), "v1", commit="c" * 40),
            {"url": "https://host.example/lib", "vcs_info": {"vcs": "git", "commit_id": "c" * 40, "requested_revision": "v1"}},
        ),
    ],
)  # fmt: skip
def test_direct_sources(source: UrlSource | PathSource | VcsSource, info: dict[str, object]) -> None:
    found = row(Pin("lib", "1.0", source=source))
    assert found["download_info"] == info
    assert found["is_direct"] is True


def test_multiple_use_fields_are_lists() -> None:
    fields = {
        "name": ("lib",),
        "classifier": ("one",),
        "requires-dist": ("a", "b"),
        "license-file": (),
        "summary": ("text", "more"),
    }
    assert json_fields(fields) == {"name": "lib", "classifier": ["one"], "requires_dist": ["a", "b"], "summary": "text"}


def test_report_matches_pip(tmp_path: object) -> None:
    cw = Cw(str(tmp_path))
    make_wheel(
        cw.path("wheels"),
        "lib",
        "1.0",
        {"lib.py": ""},
        headers=["Summary: A library", "Classifier: One", "Classifier: Two"],
    )
    make_wheel(cw.path("wheels"), "app", "1.0", {"app.py": ""}, requires=["lib"], extras=["fast"])
    cw("venv", "v").ok()
    options = ["--no-index", "--find-links", cw.path("wheels"), "--dry-run"]
    ours = json.loads(cw("pip", "install", "-p", "v", "-q", *options, "--report", "-", "app[fast]").ok().out)
    argv = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        cw.path("v"),
        "--disable-pip-version-check",
        "install",
        "-q",
        *options,
        "--report",
        "-",
        "app[fast]",
    ]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    theirs = json.loads(done.stdout)
    assert ours["version"] == theirs["version"]
    assert set(ours["environment"]) >= {
        name for name in theirs["environment"] if name not in ("implementation_name", "extra")
    }
    rows = {one["metadata"]["name"]: one for one in theirs["install"]}
    assert {one["metadata"]["name"] for one in ours["install"]} == set(rows)
    for one in ours["install"]:
        other = rows[one["metadata"]["name"]]
        for key in ("is_direct", "is_yanked", "requested"):
            assert one[key] == other[key], key
        assert one["download_info"]["url"] == other["download_info"]["url"]
        assert one["metadata"]["version"] == other["metadata"]["version"]
        assert one.get("requested_extras") == other.get("requested_extras")
        for key in ("requires_dist", "provides_extra"):
            assert one["metadata"].get(key) == other["metadata"].get(key), key
    cw("pip", "install", "-p", "v", "-q", *options[:-1], "lib").ok()
    ours = json.loads(cw("pip", "install", "-p", "v", "-q", *options, "--reinstall", "--report", "-", "lib").ok().out)
    assert ours["install"][0]["metadata"] == rows["lib"]["metadata"]  # the store has it: all is known
