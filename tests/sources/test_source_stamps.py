"""An installed project is left alone as long as its directory is what it was, and not a moment longer."""

import os
from pathlib import Path

import pytest

from kit.workshop import Workshop


def touch(path: str) -> None:
    found = os.stat(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000_000))


@pytest.mark.parametrize("form", ["./demo", "-e ./demo"])
def test_changed_project_is_reinstalled(shop: Workshop, form: str) -> None:
    shop.project()
    shop.write("r.txt", f"{form}\n")
    shop.install("-r", "r.txt").ok()
    assert len(shop.calls()) == 1
    ran = shop.install("-r", "r.txt").ok()
    assert "Checked 1 package" in ran.err
    assert [call for call in shop.calls() if call.endswith(":wheel")] == []
    touch(shop.path("demo", "pyproject.toml"))
    ran = shop.install("-r", "r.txt").ok()
    assert " ~ demo==1.0" in ran.err


def test_new_script_of_an_editable_project_appears(shop: Workshop) -> None:
    shop.project(static=True)
    shop.write("r.txt", "-e ./demo\n")
    shop.install("-r", "r.txt").ok()
    before = Path(shop.path("demo", "pyproject.toml")).read_text()
    Path(shop.path("demo", "pyproject.toml")).write_text(before + '[project.scripts]\nnew = "demo:main"\n')
    backend = Path(shop.path("demo", "backend.py"))
    scripts = 'info = name.replace("-", "_") + "-" + version + ".dist-info/"\n    files = {**files, info + "entry_points.txt": "[console_scripts]\\nnew = demo:main\\n"}\n'
    text = backend.read_text().replace("    files = dict(files)\n", f"    {scripts}    files = dict(files)\n")
    backend.write_text(text)
    shop.install("-r", "r.txt").ok()
    assert os.path.exists(shop.path("v", "bin", "new"))


@pytest.mark.parametrize(
    "words", [("./demo",), ("-e", "demo"), ("--editable=demo",), ("demo @ file://{}",), ("file://{}",)]
)
def test_project_on_the_command_line_is_reinstalled(shop: Workshop, words: tuple[str, ...]) -> None:
    path = shop.project(static=True).replace(" ", "%20")
    given = [word.format(path) for word in words]
    for _ in range(2):
        ran = shop.install(*given).ok()
        assert len(shop.calls()) == 1
    assert " ~ demo==1.0" in ran.err


def test_switch_to_editable_reinstalls(shop: Workshop) -> None:
    shop.project()
    shop.write("plain.txt", "./demo\n")
    shop.write("edit.txt", "-e ./demo\n")
    for name, start in (("plain.txt", "demo @ "), ("edit.txt", "-e "), ("plain.txt", "demo @ ")):
        shop.install("-r", name).ok()
        assert shop.frozen()[0].startswith(start)


def test_changed_settings_reinstall(shop: Workshop) -> None:
    shop.project(static=True)
    shop.write("r.txt", "./demo\n")
    shop.install("-r", "r.txt").ok()
    shop.install("-C", "a=1", "-r", "r.txt").ok()
    assert shop.calls() == ["demo:wheel", "demo:wheel"]
    shop.install("-C", "a=1", "-r", "r.txt").ok()
    assert shop.calls() == []


def test_lost_stamp_only_costs_a_reinstall(shop: Workshop) -> None:
    shop.project(static=True)
    shop.write("r.txt", "./demo\n")
    shop.install("-r", "r.txt").ok()
    mark = Path(shop.site(), "demo-1.0.dist-info", "cw_source.txt")
    assert "cw_source.txt" in (mark.parent / "RECORD").read_text()
    mark.unlink()
    assert " ~ demo==1.0" in shop.install("-r", "r.txt").ok().err
    assert mark.exists()


def test_sync_keeps_unchanged_projects(shop: Workshop) -> None:
    shop.project(static=True)
    shop.write("r.txt", "-e ./demo\n")
    shop("pip", "sync", "-p", "v", "r.txt").ok()
    assert "Checked 1 package" in shop("pip", "sync", "-p", "v", "r.txt").ok().err
    shop("pip", "uninstall", "-p", "v", "demo").ok()
    assert not [name for name in os.listdir(shop.site()) if name.startswith("demo")]
