"""What meets a contributor first: configuration that other programs read, held against what this repository really is."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_version_comment(workflow: Path) -> None:
    uses = re.findall(r"uses: (.*)", workflow.read_text())
    assert uses
    for one in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_permissions_are_minimal(workflow: Path) -> None:
    text = workflow.read_text()
    assert "\npermissions: {}\n" in text
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")
    assert "secrets." not in text


def test_every_supported_python_is_tested() -> None:
    named = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["project"]["classifiers"]), re.MULTILINE)
    (matrix,) = re.findall(r"python: (\[.*\])\n    env:", (ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert json.loads(matrix) == named
    (sessions,) = re.findall(r"^PYTHONS = \((.*)\)$", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    assert re.findall(r'"(.+?)"', sessions) == named
    assert PROJECT["project"]["requires-python"] == f">={named[0]}"


def test_git_keeps_golden_stores_byte_exact() -> None:
    files = subprocess.run(["git", "ls-files", "tests/golden"], cwd=ROOT, capture_output=True, text=True, check=True)
    asked = ["git", "check-attr", "--stdin", "text"]
    told = subprocess.run(asked, cwd=ROOT, input=files.stdout, capture_output=True, text=True, check=True)
    values = {line.rpartition(" ")[2] for line in told.stdout.splitlines()}
    assert values == {"unset"}


def test_changelog_builds_from_change_fragments() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [path for path in (ROOT / "changes").iterdir() if path.name != "README.md"]
    kinds = {one["directory"] for one in PROJECT["tool"]["towncrier"]["type"]}
    for path in listed:
        assert re.fullmatch(r"[^/]+\.(\w+)\.md", path.name), path.name
        assert path.name.split(".")[-2] in kinds, path.name
        assert path.read_text().split("\n")[0] in done.stdout


def test_pre_commit_hooks_are_pinned() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    for needs in re.findall(r"additional_dependencies: \[(.*)\]", text):
        assert re.fullmatch(r'"[\w-]+==[\d.]+"', needs), needs
    assert {"ruff", "typos", "mypy", "import-linter"} <= set(re.findall(r"[\w-]+", text))
