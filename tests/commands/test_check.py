"""`pip check`: what is missing, does not fit or is broken."""

import json
import os

from kit.wheels import make_wheel


def test_what_fits_is_said_to_fit(filled):
    ran = filled("pip", "check", "-p", "v").ok()
    assert "Checked 3 packages in" in ran.err
    assert ran.err.endswith("All installed packages are compatible\n")
    assert json.loads(filled("pip", "check", "-p", "v", "--json").ok().out) == {"checked": 3, "problems": []}


def test_what_does_not_fit_is_told_in_uvs_words(filled):
    filled("pip", "install", "-p", "v", "--no-deps", "report-tool").ok()
    filled("pip", "uninstall", "-p", "v", "color").ok()
    ran = filled("pip", "check", "-p", "v").failed(1)
    assert (
        "Found 1 incompatibility\nThe package `report-tool` requires `lib>=1.5,<3`, but `1.0` is installed\n" in ran.err
    )
    assert "requires `lib>=1.5,<3`" in filled("pip", "list", "-p", "v", "--strict").ok().err
    filled("pip", "uninstall", "-p", "v", "lib").ok()
    assert (
        "The package `app` requires `lib>=1`, but it's not installed" in filled("pip", "check", "-p", "v").failed(1).err
    )


def test_checks_for_another_python(stocked):
    make_wheel(
        stocked.path("wheels"),
        "modern",
        "1.0",
        {"m.py": ""},
        requires_python=">=3.9",
        requires=["lib ; python_version < '3.8'"],
    )
    make_wheel(stocked.path("wheels"), "built", "1.0", {"b.py": ""}, tag="py3-none-linux_x86_64")
    stocked("pip", "install", "-p", "v", "modern", "built", "--python-platform", "linux").ok()
    said = stocked("pip", "check", "-p", "v", "--python-version", "3.7", "--python-platform", "windows").failed(1).err
    assert "`modern` requires Python >=3.9, but `3.7.0` is installed" in said
    assert "`modern` requires `lib`, but it's not installed" in said
    assert "The package `built` was built for a different platform" in said


def test_a_script_without_its_interpreter_is_a_problem(filled):
    path = filled.path("v", "bin", "app")
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    os.remove(path)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("#!/nowhere/python\n" + text.partition("\n")[2])
    os.chmod(path, 0o755)
    assert "/nowhere/python" in filled("pip", "check", "-p", "v").failed(1).err
