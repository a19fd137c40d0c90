"""What all tests share: places with awkward names, and the rule that a test which cannot run fails in CI."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator

import hypothesis
import pytest

from kit import users as kit_users

# a slow machine is no failure
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


def pytest_configure() -> None:
    """Take Ctrl-C as a terminal sends it: a job in the background inherits an ignored SIGINT, and hands it on to every child."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let tests of users and mounts run as root only; in CI there is no excuse."""
    if item.get_closest_marker("root") is None or os.geteuid() == 0:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("this test needs root, and CI has to run it", pytrace=False)
    pytest.skip("needs root")


def pytest_sessionfinish() -> None:
    """Remove what the kit laid out for ordinary users."""
    kit_users.forget()


@pytest.fixture
def place() -> Iterator[str]:
    """Give a directory with a space and a letter beyond ASCII in its path, writable and reachable by every user, sticky as /tmp is."""
    root = tempfile.mkdtemp(prefix="cw test é ")
    os.chmod(root, 0o1777)
    try:
        yield root
    finally:
        _remove(root)


@pytest.fixture
def store_directory(place: str) -> str:
    """Give an empty directory for a store, in a path with a space."""
    path = os.path.join(place, "a store")
    os.mkdir(path)
    return path


def _remove(root: str) -> None:
    for directory, _, _ in os.walk(root):
        if os.access(directory, os.W_OK):
            continue
        os.chmod(directory, 0o700)
    shutil.rmtree(root, ignore_errors=True)
