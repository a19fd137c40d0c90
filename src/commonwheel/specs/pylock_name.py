"""What a lock file may be called (PEP 751): apart from `lock_file`, which costs a TOML parser and `packaging` to import."""


def is_lock_name(filename: str) -> bool:
    """Return whether a file may be called so: `pylock.toml`, or `pylock.NAME.toml` where NAME has no dot."""
    if filename == "pylock.toml":
        return True
    name = filename.removeprefix("pylock.").removesuffix(".toml")
    return filename == f"pylock.{name}.toml" and bool(name) and "." not in name and "/" not in name
