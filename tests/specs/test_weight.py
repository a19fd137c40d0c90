import subprocess
import sys

import pytest

# what a warm command may read through; each alone, since one must not hide behind another
WARM = [
    "core_metadata", "digests", "direct_url", "entry_points", "parse_errors", "file_url", "headers", "installed", "markers", "names", "record", "legacy_specifiers", "requirement",
    "requirements_txt", "sources", "urls", "versions", "wheel_file",
]  # fmt: skip
HEAVY = {
    "re",
    "json",
    "typing",
    "dataclasses",
    "email",
    "packaging",
    "csv",
    "configparser",
    "urllib",
    "html",
    "tomllib",
    "datetime",
    "base64",
    "shlex",
    "logging",
    "enum",
    "pathlib",
}


@pytest.mark.parametrize("name", WARM)
def test_warm_modules_load_nothing_heavy(name: str) -> None:
    path = next(entry for entry in sys.path if entry.endswith("src"))
    code = f"import sys; sys.path.insert(0, {path!r}); import commonwheel.specs.{name}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert f"commonwheel.specs.{name}" in loaded.split()
    assert not {module.partition(".")[0] for module in loaded.split()} & HEAVY
