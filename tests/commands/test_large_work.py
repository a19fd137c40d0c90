"""Small inputs that ask for large work, or for a stack without end: refused with the name of the file, and soon."""

import io
import tarfile

import pytest

from kit.wheels import make_wheel

DEEP = 100_000
PARENTHESES = "(" * 5_000 + 'os_name == "x"' + ")" * 5_000


@pytest.mark.parametrize("name", ["pyproject.toml", "cw.toml", "uv.toml"])
@pytest.mark.parametrize("words", [("list",), ("install", "-p", "v", "--dry-run", "app")])
def test_a_configuration_nested_without_end_is_named(stocked, name, words):
    table = "[tool.uv]\n" if name == "pyproject.toml" else ""
    stocked.write(f"here/{name}", f"{table}index-url = {'[' * DEEP}\n")
    ran = stocked("--directory", "here", "pip", *words).failed(2)
    assert f"here/{name}`" in ran.err
    assert "nested too deep" in ran.err


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pyproject.toml", "[project]\nname = " + "[" * DEEP, "nested too deep"),
        ("pyproject.toml", "[project]\nname = " + "{a=" * DEEP, "nested too deep"),
        ("pyproject.toml", "[project]\nname = " + "9" * 5_000, "digits"),
        ("pyproject.toml", "a" + ".a" * 20_000 + " = 1\n", "parts"),
        ("pyproject.toml", 'a."b"' + ". 'b'" * 20_000 + " = 1\n", "parts"),
        ("pylock.toml", "lock-version = " + "[" * DEEP, "nested too deep"),
        ("script.py", "# /// script\n# dependencies = " + "[" * DEEP + "\n# ///\n", "nested too deep"),
        ("in.txt", f"app ; {PARENTHESES}\n", "parentheses"),
        (
            "pyproject.toml",
            f"[project]\nname='x'\nversion='1'\ndependencies=['''app ; {PARENTHESES}''']\n",
            "parentheses",
        ),
    ],
    ids=[
        "lists",
        "tables",
        "a number",
        "a key",
        "a quoted key",
        "a lock",
        "a script",
        "a marker",
        "a project's marker",
    ],
)
def test_a_file_of_requirements_without_bounds_is_named(stocked, name, text, said):
    stocked.write(f"here/{name}", text)
    ran = stocked("pip", "install", "-p", "v", "-r", f"here/{name}").failed(2)
    assert name in ran.err
    assert said in ran.err


def test_files_that_include_each_other_without_end_are_refused(stocked):
    for number in range(3_000):
        stocked.write(f"r/{number}.txt", f"-r {number + 1}.txt\n")
    ran = stocked("pip", "install", "-p", "v", "-r", "r/0.txt").failed(2)
    assert "more than 100 files" in ran.err
    assert "r/100.txt" in ran.err


def test_groups_that_include_each_other_are_read_once_each_and_not_too_deep(stocked):
    twice = "".join(f'g{n} = [{{include-group = "g{n + 1}"}}, {{include-group = "g{n + 1}"}}]\n' for n in range(60))
    stocked.write("pyproject.toml", f'[dependency-groups]\n{twice}g60 = ["app"]\n')
    assert "app" in stocked("pip", "install", "-p", "v", "--group", "g0").ok().err
    deep = "".join(f'g{n} = [{{include-group = "g{n + 1}"}}]\n' for n in range(3_000))
    stocked.write("pyproject.toml", f'[dependency-groups]\n{deep}g3000 = ["app"]\n')
    ran = stocked("pip", "install", "-p", "v", "--group", "g0").failed(2)
    assert "pyproject.toml" in ran.err
    assert "more than 100 groups" in ran.err


def compressed(count):
    return "-".join(".".join(f"{part}{n}" for n in range(count)) for part in ("py", "abi", "os"))


@pytest.mark.parametrize("lines", [[compressed(200)], [compressed(15)] * 3], ids=["one tag", "several tags"])
def test_a_wheel_of_millions_of_tags_is_refused(cw, lines):
    tags = "".join(f"Tag: {line}\n" for line in lines)
    path = make_wheel(
        cw.path("wheels"), "app", "1.0", {"app.py": ""}, wheel=f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{tags}"
    )
    cw("venv", "v").ok()
    ran = cw("pip", "install", "-p", "v", path).failed(1)
    assert "4096" in ran.err
    assert "app-1.0" in ran.err


@pytest.mark.parametrize(
    "line",
    [f"Requires-Dist: lib ; {PARENTHESES}", "Metadata-Version: 2." + "1" * 5_000, "Requires-Python: ~=" + "3" * 5_000],
    ids=["a marker", "a format", "a python"],
)
def test_metadata_without_bounds_is_told(cw, line):
    head = "" if line.startswith("Metadata-V") else "Metadata-Version: 2.1\n"
    path = make_wheel(
        cw.path("wheels"), "app", "1.0", {"app.py": ""}, metadata=f"{head}{line}\nName: app\nVersion: 1.0\n"
    )
    cw("venv", "v").ok()
    ran = cw("pip", "install", "-p", "v", path)
    assert ran.code in ((0,) if "2.111" in line else (1, 2))  # a later minor version is read like the last known one
    assert "app" in ran.err


def test_a_source_whose_project_file_is_nested_without_end_is_told(cw):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        text = ("[project]\nname = " + "[" * DEEP).encode()
        info = tarfile.TarInfo("app-1.0/pyproject.toml")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    with open(cw.path("app-1.0.tar.gz"), "wb") as stream:
        stream.write(out.getvalue())
    cw("venv", "v").ok()
    ran = cw("pip", "install", "-p", "v", "./app-1.0.tar.gz")
    assert ran.code in (1, 2)
    assert "pyproject.toml" in ran.err
    assert "nested too deep" in ran.err


def test_what_is_installed_may_say_what_it_likes_and_is_listed_all_the_same(stocked):
    stocked("pip", "install", "-p", "v", "app").ok()
    where = next(
        line.partition(": ")[2]
        for line in stocked("pip", "show", "-p", "v", "app").ok().out.splitlines()
        if line.startswith("Loc")
    )
    with open(f"{where}/app-2.0.dist-info/direct_url.json", "w", encoding="utf-8") as stream:
        stream.write("[" * DEEP)
    with open(f"{where}/lib-2.0.dist-info/RECORD", "a", encoding="utf-8") as stream:
        stream.write("lib.py,sha256=x," + "9" * 5_000 + "\n")
    assert "app" in stocked("pip", "list", "-p", "v").ok().out
    assert "app" in stocked("pip", "freeze", "-p", "v").ok().out
    for words in (
        ("pip", "inspect", "-p", "v"),
        ("verify", "-p", "v"),
        ("pip", "tree", "-p", "v", "--show-sizes"),
        ("pip", "check", "-p", "v"),
    ):
        assert stocked(*words).code in (0, 1, 2)
