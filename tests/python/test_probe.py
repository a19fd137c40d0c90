"""The probe against what each interpreter says of itself when nobody interferes."""

import os
import subprocess
import sys

import packaging
import pytest

from commonwheel.python import interpreter, probe
from kit import pythons as kit

SELF = """
import json, os, sys, sysconfig
in_venv = sys.prefix != sys.base_prefix
print(json.dumps({
    "version": list(sys.version_info[:3]), "prefix": sys.prefix, "base_prefix": sys.base_prefix,
    "path": [os.path.abspath(p) for p in sys.path if p], "paths": sysconfig.get_paths(),
    "machine": os.uname().machine, "release": os.uname().release,
}))
"""


def everyone() -> list[str]:
    found = list(kit.pythons().values())
    return [*found, kit.debian()] if kit.debian() and kit.debian() not in found else found


@pytest.mark.parametrize("python", everyone())
def test_paths_match_sysconfig_of_the_interpreter(python: str) -> None:
    said = kit.says(python, SELF)
    assert isinstance(said, dict)
    told = kit.probed(python)
    assert list(told.version) == said["version"]
    assert (told.prefix, told.base_prefix) == (said["prefix"], said["base_prefix"])
    # directories of .pth files are read elsewhere, and stand behind all others
    assert list(told.sys_path) == said["path"][: len(told.sys_path)]
    if told.version >= (3, 10):
        for name in ("purelib", "platlib", "scripts", "data", "include", "stdlib"):
            assert told.paths[name] == said["paths"][name]


PIP = """
import json, sys, warnings
warnings.simplefilter("ignore")
from pip._internal.locations import get_scheme
scheme = get_scheme("nobody")
print(json.dumps({key: getattr(scheme, key) for key in ("purelib", "platlib", "scripts", "data", "headers")}))
"""


@pytest.mark.parametrize("python", everyone())
def test_install_scheme_matches_pip(python: str) -> None:
    if subprocess.run([python, "-I", "-c", "import pip"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this interpreter has no pip to compare with")
    said = kit.says(python, PIP)
    assert isinstance(said, dict)
    told = kit.probed(python)
    for name in ("purelib", "platlib", "scripts", "data"):
        assert told.paths[name] == said[name]
    assert told.paths["include"] == os.path.dirname(said["headers"])


MARKERS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from packaging.markers import default_environment
print(json.dumps({key: value for key, value in default_environment().items() if key != "extra"}))
"""


@pytest.mark.parametrize("python", everyone())
def test_markers_match_packaging(python: str, tmp_path: object) -> None:
    if not kit.runs_packaging(python):
        pytest.skip("`packaging` itself needs a newer one")
    os.symlink(os.path.dirname(packaging.__file__), f"{tmp_path}/packaging")
    assert dict(kit.probed(python).markers) == kit.says(python, MARKERS, str(tmp_path))


def test_debian_is_externally_managed_below_usr_local() -> None:
    if not kit.debian():
        pytest.skip("not a Debian system")
    told = kit.probed(kit.debian())
    assert told.externally_managed == os.path.join(told.paths["stdlib"], "EXTERNALLY-MANAGED")
    assert told.paths["purelib"].startswith("/usr/local/lib/python3.")
    assert told.paths["purelib"].endswith("/dist-packages")
    assert told.paths["data"] == "/usr/local"
    assert "/usr/lib/python3/dist-packages" in told.sys_path
    assert told.venv_paths["purelib"].endswith("/site-packages")


def test_probe_and_reader_agree_on_header_and_placeholder() -> None:
    assert probe.HEADER == interpreter._ANSWER
    assert probe.ROOT == interpreter._ROOT


def test_answer_survives_a_noisy_and_failing_sitecustomize(tmp_path: object) -> None:
    with open(f"{tmp_path}/sitecustomize.py", "w", encoding="utf-8") as file:
        file.write("print('hello from the site')\nimport os\nos.write(1, b'x\\n')\nraise SystemExit('boo')\n")
    memory, run = kit.Remember(), kit.Counted()
    told = interpreter.probe(kit.newest(), memory, run, search=(str(tmp_path),))
    assert told.version == kit.probed(kit.newest()).version
    assert len(memory.kept) == 1


def test_sitecustomize_additions_are_reported_not_cached(tmp_path: object) -> None:
    os.mkdir(f"{tmp_path}/layer")
    with open(f"{tmp_path}/sitecustomize.py", "w", encoding="utf-8") as file:
        file.write(f"import sys\nsys.path.append({str(tmp_path)!r} + '/layer')\n")
    memory, run = kit.Remember(), kit.Counted()
    told = interpreter.probe(kit.newest(), memory, run, search=(str(tmp_path),))
    assert told.sys_path[-1] == f"{tmp_path}/layer"
    assert not memory.kept
    environment = kit.make_environment("venv", kit.newest(), f"{tmp_path}/env")
    inside = interpreter.probe(environment, memory, run, search=(str(tmp_path),))
    assert inside.sys_path[-1] == f"{tmp_path}/layer"
    assert inside.prefix == f"{tmp_path}/env"


def test_pth_import_lines_are_not_executed(tmp_path: object) -> None:
    python = kit.make_environment("venv", kit.newest(), f"{tmp_path}/env")
    site = kit.probed(python).paths["purelib"]
    with open(f"{site}/loud.pth", "w", encoding="utf-8") as file:
        file.write(f"import os; open({str(tmp_path)!r} + '/touched', 'w').close()\n")
    subprocess.run([python, "-c", ""], check=True)
    assert os.path.exists(f"{tmp_path}/touched")
    os.remove(f"{tmp_path}/touched")
    answer = subprocess.run([python, "-I", "-S", "-B", interpreter.PROBE], check=True, capture_output=True)
    assert answer.stdout.endswith(b"\nend\n")
    assert not os.path.exists(f"{tmp_path}/touched")


def test_musl_loader_is_found_in_an_elf_file(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    # a minimal 64-bit ELF file with one PT_INTERP header
    path = b"/lib/ld-musl-x86_64.so.1\0"
    head = bytearray(64)
    head[:6] = b"\x7fELF\x02\x01"
    head[18:20] = (62).to_bytes(2, "little")
    head[32:40] = (64).to_bytes(8, "little")
    head[54:56] = (56).to_bytes(2, "little")
    head[56:58] = (1).to_bytes(2, "little")
    row = bytearray(56)
    row[0:4] = (3).to_bytes(4, "little")
    row[8:16] = (120).to_bytes(8, "little")
    row[32:40] = len(path).to_bytes(8, "little")
    with open(f"{tmp_path}/python", "wb") as file:
        file.write(bytes(head + row) + path)
    with open(f"{tmp_path}/loader", "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nprintf 'musl libc (x86_64)\\nVersion 1.2.5\\nDynamic Program Loader\\n' >&2\nexit 1\n")
    os.chmod(f"{tmp_path}/loader", 0o755)
    monkeypatch.setattr(sys, "executable", f"{tmp_path}/python")
    assert probe.elf() == ("2 1 62 0", "/lib/ld-musl-x86_64.so.1")
    assert probe.musl(f"{tmp_path}/loader") == "1.2"
    assert not probe.musl(f"{tmp_path}/nothing")
    monkeypatch.setattr(sys, "executable", f"{tmp_path}/loader")
    assert probe.elf() == ("", "")
