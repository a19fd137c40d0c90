"""Locks of cw and of the real uv, in turns: each accepts the other's, and fresh ones are equal byte for byte."""

import os
import subprocess

import pytest

from kit.projects import Project

BACKEND = """
import os

def _info(directory, name):
    os.mkdir(os.path.join(directory, name + "-3.dist-info"))
    with open(os.path.join(directory, name + "-3.dist-info", "METADATA"), "w") as stream:
        stream.write("Metadata-Version: 2.1\\nName: " + name + "\\nVersion: 3\\n")
    return name + "-3.dist-info"

def prepare_metadata_for_build_wheel(directory, settings=None):
    return _info(directory, "m2")

prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel
"""
HEAD = '[project]\nname = "demo"\nversion = "0.1.0"\nrequires-python = ">=3.9"\n'

#: name -> files of a project, and words for both tools
CASES: dict[str, dict[str, str]] = {
    "plain": {"pyproject.toml": HEAD + 'dependencies = ["alpha"]\n'},
    "extras and groups": {
        "pyproject.toml": HEAD
        + """dependencies = ["alpha[cli]>=1", "beta<1.5 ; sys_platform == 'win32'", "beta ; sys_platform != 'win32'"]
[project.optional-dependencies]
x = ["gamma"]
all = ["demo[x]"]
[dependency-groups]
dev = ["delta", { include-group = "t" }]
t = ["gamma"]
none = []
"""
    },
    "bounds of groups": {
        "pyproject.toml": HEAD
        + """dependencies = ["alpha >= 1.0.0-rc1 , != 1.5.0", "beta ~= 1.0"]
[dependency-groups]
a = ["gamma", { include-group = "b" }]
b = ["colorama"]
[tool.uv]
dependency-groups = { b = { requires-python = ">=3.11" } }
"""
    },
    "two versions": {"pyproject.toml": HEAD + 'dependencies = ["newer"]\n'},
    "options": {
        "pyproject.toml": HEAD
        + """dependencies = []
[project.optional-dependencies]
a = ["beta<1.5"]
b = ["beta==1.0"]
[dependency-groups]
g = ["beta==1.5"]
[tool.uv]
resolution = "lowest-direct"
prerelease = "allow"
fork-strategy = "fewest"
exclude-newer = "3 weeks"
exclude-newer-package = { alpha = "P10D", beta = false, gamma = "2025-01-01" }
prerelease-package = { alpha = "disallow", beta = "allow" }
constraint-dependencies = ["beta<2 ; python_version<'3.10'", "alpha>1"]
override-dependencies = ["gamma==1"]
exclude-dependencies = ["zeta"]
build-constraint-dependencies = ["setuptools<80"]
dependency-metadata = [{ name = "zlib", version = "1.0", requires-dist = ["alpha>1"], requires-python = ">=3.8", provides-extras = ["q"] }]
environments = ["sys_platform == 'linux'", "sys_platform == 'win32'"]
required-environments = ["sys_platform == 'linux' and platform_machine == 'x86_64'"]
default-groups = ["g"]
conflicts = [[{ extra = "b" }, { extra = "a" }, { group = "g" }]]
dependency-groups = { g = { requires-python = ">=3.10" } }
"""
    },
    "metadata that settings tell": {
        "pyproject.toml": HEAD
        + """dependencies = ["alpha==1.0"]
[tool.uv]
dependency-metadata = [{ name = "alpha", version = "1.0", requires-dist = ["gamma"] }]
"""
    },
    "virtual root": {
        "pyproject.toml": """[dependency-groups]
dev = ["alpha", "beta>1", "gamma[x]==1 ; sys_platform == 'linux'"]
e = []
h = ["beta"]
[tool.uv]
dependency-groups = { h = { requires-python = ">=3.12" } }
default-groups = "all"
[tool.uv.workspace]
"""
    },
    "workspace": {
        "pyproject.toml": HEAD
        + """dependencies = ["m1", "m2", "m3"]
[tool.uv]
default-groups = []
[tool.uv.sources]
m1 = { workspace = true }
m2 = { workspace = true, editable = false }
m3 = { workspace = true }
[tool.uv.workspace]
members = ["m*"]
exclude = ["m5"]
""",
        "m1/pyproject.toml": HEAD.replace("demo", "m1").replace(">=3.9", ">=3.10,<4") + 'dependencies = ["alpha"]\n',
        "m2/pyproject.toml": """[project]
name = "m2"
dynamic = ["version"]
requires-python = ">=3.9"
dependencies = []
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
""",
        "m2/backend.py": BACKEND,
        "m3/pyproject.toml": HEAD.replace("demo", "m3")
        + 'dependencies = ["demo[x]"]\n[tool.uv]\npackage = false\n[tool.uv.sources]\ndemo = { workspace = true }\n',
        "m4/pyproject.toml": HEAD.replace("demo", "m4"),
        "m5/pyproject.toml": HEAD.replace("demo", "m5"),
    },
    "paths": {
        "pyproject.toml": HEAD
        + """dependencies = ["delta", "pd", "pe", "pv", "beta==1.0"]
[tool.uv.sources]
delta = { path = "../wheels/delta-1-py3-none-any.whl" }
beta = [{ path = "../wheels/beta-1.0-py3-none-any.whl", marker = "sys_platform == 'linux'" }]
pd = { path = "pd" }
pe = { path = "pe", editable = true }
pv = { path = "pv", package = false }
""",
        "pd/pyproject.toml": HEAD.replace("demo", "pd")
        + 'dependencies = ["gamma"]\n[project.optional-dependencies]\nz = ["colorama"]\n[dependency-groups]\nq = ["delta"]\n',
        "pe/pyproject.toml": HEAD.replace("demo", "pe"),
        "pv/pyproject.toml": HEAD.replace("demo", "pv"),
    },
    "wheels of platforms": {"pyproject.toml": HEAD.replace(">=3.9", ">=3.11,<3.13") + "dependencies = [\"many\", \"linux ; sys_platform == 'linux'\"]\n"},
}  # fmt: skip


@pytest.fixture
def rich(project: Project) -> Project:
    project.wheel("newer", "1.0")
    project.wheel("newer", "2.0", python=">=3.12")
    for tag in (
        "cp310-cp310-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-win_amd64", "cp313-cp313-win_amd64",
        "cp38-abi3-macosx_11_0_arm64", "py2-none-any", "py2.py3-none-any", "pp310-pypy310_pp73-win_amd64", "py313-none-any", "py39-none-any",
    ):  # fmt: skip
        project.wheel("many", "1.0", filename=f"many-1.0-{tag}.whl")
    for tag in ("manylinux_2_17_x86_64", "musllinux_1_1_aarch64", "win_amd64", "macosx_10_9_universal2", "win32"):
        project.wheel("linux", "1.0", filename=f"linux-1.0-py3-none-{tag}.whl")
    return project


@pytest.mark.parametrize("name", CASES)
def test_fresh_lock_is_that_of_uv_and_each_accepts_the_other(rich: Project, name: str) -> None:
    for path, text in CASES[name].items():
        rich.write(path, text)
    rich("lock").ok()
    mine, stamp = rich.lock, rich.stamp()
    rich.uv("lock", "--check").ok()
    assert (rich.lock, rich.stamp()) == (mine, stamp)
    rich.remove("uv.lock")
    rich.uv("lock").ok()
    theirs, stamp = rich.lock, rich.stamp()
    rich("lock", "--check").ok()
    rich("lock").ok()
    assert rich.stamp() == stamp
    assert mine == theirs


def test_repositories_are_locked_with_their_commits(rich: Project) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", rich.path("..", "r")]
    os.makedirs(rich.path("..", "r", "sub"))
    rich.write("../r/pyproject.toml", HEAD.replace("demo", "gp"))
    rich.write("../r/sub/pyproject.toml", HEAD.replace("demo", "gs") + 'dependencies = ["alpha"]\n')
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)
    url = f"file://{rich.path('..', 'r')}".replace(" ", "%20").replace("é", "%C3%A9").replace("/project/..", "")
    rich.write(
        "pyproject.toml",
        HEAD
        + f'dependencies = ["gp", "gs"]\n[tool.uv.sources]\ngp = {{ git = "{url}", tag = "v1" }}\ngs = {{ git = "{url}", subdirectory = "sub" }}\n',
    )
    rich("lock").ok()
    mine = rich.lock
    assert "?tag=v1#" in mine
    rich.uv("lock", "--check").ok()
    rich.remove("uv.lock")
    rich.uv("lock").ok()
    rich("lock", "--check").ok()
    assert rich.lock == mine


def test_script_is_locked_beside_itself(rich: Project) -> None:
    rich.write("s.py", '# /// script\n# requires-python = ">=3.10"\n# dependencies = ["alpha>1", "beta"]\n# ///\n')
    rich("lock", "--script", "s.py").ok()
    mine = rich.read("s.py.lock")
    rich.uv("lock", "--check", "--script", "s.py").ok()
    rich.remove("s.py.lock")
    rich.uv("lock", "--script", "s.py").ok()
    rich("lock", "--check", "--script", "s.py").ok()
    assert rich.read("s.py.lock") == mine


def test_versions_of_the_lock_are_kept_until_an_upgrade(rich: Project) -> None:
    rich.pyproject("alpha<2", "beta<1.5")
    rich("lock").ok()
    rich.pyproject("alpha", "beta")
    rich.uv("lock", "--check").failed(1)
    said = rich("lock", "--check").failed(1).err
    assert "`demo` now asks for `alpha`, locked for `alpha<2`" in said
    rich("lock").ok()
    rich.uv("lock", "--check").ok()
    assert 'version = "1.0"' in rich.lock
    assert 'version = "2.0"' not in rich.lock
    ran = rich("lock", "-P", "alpha", "--dry-run").ok()
    assert "Update alpha v1.0 -> v2.0" in ran.err
    rich("lock", "-P", "alpha").ok()
    assert "beta v1.0" not in rich("lock", "-U", "--dry-run").ok().err.replace("Update beta v1.0 -> v1.5", "")
    rich("lock", "--upgrade").ok()
    assert 'version = "1.5"' in rich.lock
    rich.uv("lock", "--check").ok()


def test_missing_lock_is_told_and_not_made_where_it_must_not_be(project: Project) -> None:
    project.pyproject("alpha")
    for option in ("--check", "--locked", "--frozen"):
        assert "there is no" in project("lock", option).failed(1).err
    assert project.lock == ""


def test_lock_with_merge_marks_is_repaired_from_both_sides(rich: Project) -> None:
    rich.pyproject("alpha<2")
    rich("lock").ok()
    ours = rich.lock
    rich.pyproject("alpha<2", "beta<1.5")
    rich("lock").ok()
    theirs = rich.lock
    head, _, rest = ours.partition("\n[[package]]")
    other = theirs.partition("\n[[package]]")[2]
    rich.write("uv.lock", f"{head}\n<<<<<<< HEAD\n[[package]]{rest}=======\n[[package]]{other}>>>>>>> theirs\n")
    rich.pyproject("alpha", "beta")
    rich.uv("lock").failed(2)
    assert "`cw lock` repairs it" in rich("lock", "--check").failed(2).err
    rich("lock").ok()
    rich.uv("lock", "--check").ok()
    assert 'name = "alpha"\nversion = "1.0"' in rich.lock


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version = 1\n", "version = 2\n", "version 2"),
        ('name = "alpha"\nversion', 'name = "alpha\nversion', "not valid TOML"),
    ],
)
def test_unusable_lock_is_refused_and_left_alone(project: Project, old: str, new: str, said: str) -> None:
    project.pyproject("alpha")
    project("lock").ok()
    broken = project.lock.replace(old, new, 1)
    project.write("uv.lock", broken)
    for words in (["lock"], ["lock", "--check"], ["sync"]):
        assert said in project(*words).failed(2).err
    assert project.lock == broken


@pytest.mark.parametrize("words", ["--no-sources", "--no-sources-package beta"])
def test_sources_are_left_out_on_request(rich: Project, words: str) -> None:
    rich.pyproject("beta==1.0", more='[tool.uv.sources]\nbeta = { path = "../wheels/beta-1.0-py3-none-any.whl" }\n')
    rich("lock", *words.split()).ok()
    assert "path" not in rich.lock
    rich.uv("lock", "--check", *words.split()).ok()
    rich("lock", "--check").failed(1)


def named_indexes(project: Project) -> str:
    url = project.index.url.replace("127.0.0.1", "localhost")
    one = f'[[tool.uv.index]]\nname = "one"\nurl = "{url}"\nexplicit = true\n'
    return one + one.replace("one", "two").replace("/simple/", "/simple")


def test_package_is_bound_to_a_named_index(rich: Project) -> None:
    rich.pyproject("alpha", more='[tool.uv.sources]\nalpha = { index = "one" }\n' + named_indexes(rich))
    rich("lock").ok()
    mine = rich.lock
    rich.uv("lock", "--check").ok()
    rich.remove("uv.lock")
    rich.uv("lock").ok()
    rich("lock", "--check").ok()
    assert rich.lock == mine


def test_indexes_by_marker_are_refused_and_not_mixed_up(rich: Project) -> None:
    rules = """[{ index = "one", marker = "sys_platform == 'linux'" }, { index = "two", marker = "sys_platform != 'linux'" }]"""
    rich.pyproject("alpha", more=f"[tool.uv.sources]\nalpha = {rules}\n" + named_indexes(rich))
    assert "different indexes" in rich("lock").failed(2).err
    assert rich.lock == ""
