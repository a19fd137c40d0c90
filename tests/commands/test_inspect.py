"""`pip inspect`: pip's format."""

import json
import os
import subprocess
import sys


def test_an_inspection_is_what_pip_would_say(filled):
    filled(
        "pip",
        "install",
        "-p",
        "v",
        "lib @ file://" + filled.path("wheels", "lib-2.0-py3-none-any.whl").replace(" ", "%20"),
    ).ok()
    ours = json.loads(filled("pip", "inspect", "-p", "v").ok().out)
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "--python", filled.path("v"), "inspect"], capture_output=True, text=True, check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    theirs = json.loads(pip.stdout)
    assert ours["version"] == theirs["version"]
    rows = {row["metadata"]["name"]: row for row in theirs["installed"]}
    assert set(rows) == {row["metadata"]["name"] for row in ours["installed"]}
    for row in ours["installed"]:
        other = rows[row["metadata"]["name"]]
        assert row["metadata"] == other["metadata"]
        assert (row["metadata_location"], row["requested"], row["installer"]) == (
            other["metadata_location"], other["requested"], other["installer"],
        )  # fmt: skip
        if "direct_url" in other:
            del other["direct_url"]["archive_info"]["hash"]  # an older name of the same
        assert row.get("direct_url") == other.get("direct_url")
