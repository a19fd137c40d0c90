"""What a lock may be called."""

import pytest

from commonwheel.specs.pylock_name import is_lock_name


@pytest.mark.parametrize("name", ["pylock.toml", "pylock.dev.toml", "pylock.a-b.toml"])
def test_lock_file_names(name: str) -> None:
    assert is_lock_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "pylock",
        "pylock..toml",
        "pylock.a.b.toml",
        "uv.lock",
        "pylock.toml.toml.x",
        "Pylock.toml",
        "xpylock.toml",
        "pylock.a/b.toml",
        "pylock.dev",
    ],
)
def test_other_file_names(name: str) -> None:
    assert not is_lock_name(name)
