"""From which Python on a universal resolution holds."""

import sys
from typing import Any

import pytest

from kit.cli import Cw


@pytest.mark.parametrize(
    ("given", "requires_python", "oldest"),
    [
        ({"python_version": "3.9"}, ">=3.11", "3.9"),
        ({}, ">=3.10,<4", "3.10"),
        ({}, "", "{}.{}".format(*sys.version_info)),
    ],
)
def test_oldest_python_of_a_universal_resolution(
    cw: Cw, given: dict[str, Any], requires_python: str, oldest: str
) -> None:
    cw("venv", "-p", sys.executable).ok()
    with cw.session("pip compile", **given) as session:
        assert session.job().solving.oldest_python(requires_python) == oldest
