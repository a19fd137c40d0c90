"""`specs.uv_lock`: the reader and the writer are inverse, on generated locks and on what the real uv writes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.specs import uv_lock
from commonwheel.specs.uv_lock import (  # fmt: skip
    Dependency,
    File,
    InvalidLock,
    Item,
    Limit,
    Lock,
    LockRequirement,
    Manifest,
    MergeMarks,
    Options,
    Package,
    Source,
    StaticMetadata,
)
from kit.index_server import IndexServer
from kit.projects import Project

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,3})?", fullmatch=True)
TEXTS = st.text(min_size=1, max_size=12)
SOURCES = st.builds(Source, st.sampled_from(uv_lock.KINDS), TEXTS, st.just("") | TEXTS)
FILES = st.builds(
    File,
    st.sampled_from(("url", "path", "filename")),
    TEXTS,
    st.just("") | TEXTS,
    st.none() | st.integers(0, 9),
    st.just("") | TEXTS,
)
EDGES = st.builds(
    Dependency,
    NAMES,
    st.just("") | TEXTS,
    st.none() | SOURCES,
    st.lists(NAMES, max_size=2).map(tuple),
    st.just("") | TEXTS,
)


def lock_requirement(name: str, key: str, place: str, **more: Any) -> LockRequirement:
    return LockRequirement(name, key=key, place=place if key else "", **more)


REQUIREMENTS = st.builds(
    lock_requirement,
    NAMES,
    st.sampled_from(("", "index", *uv_lock.KINDS[1:])),
    TEXTS,
    extras=st.lists(NAMES, max_size=2).map(tuple),
    marker=st.just("") | TEXTS,
    specifier=st.just("") | TEXTS,
)
GROUPS = st.none() | st.just("all") | st.lists(NAMES, max_size=2).map(tuple)


def several(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=3).map(tuple)


def mapped(of: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(NAMES, of, max_size=3)


PACKAGES = st.builds(
    Package,
    NAMES,
    st.just("") | TEXTS,
    SOURCES,
    default_groups=GROUPS,
    forks=several(TEXTS),
    dependencies=several(EDGES),
    sdist=st.none() | FILES,
    wheels=several(FILES),
    optional=mapped(st.lists(EDGES, min_size=1, max_size=2).map(tuple)),
    groups=mapped(st.lists(EDGES, min_size=1, max_size=2).map(tuple)),
    group_pythons=mapped(TEXTS),
    requires_dist=several(REQUIREMENTS),
    provides_extras=several(NAMES),
    requires_dev=mapped(several(REQUIREMENTS)),
)
LIMITS = st.builds(Limit, TEXTS) | st.builds(Limit, st.just(""), TEXTS)
LOCKS = st.builds(
    Lock,
    TEXTS,
    several(PACKAGES),
    revision=st.integers(0, 9),
    forks=several(TEXTS),
    supported=several(TEXTS),
    required=several(TEXTS),
    conflicts=several(st.lists(st.builds(Item, NAMES, NAMES), min_size=1, max_size=3).map(tuple)),
    options=st.builds(
        Options, st.just("") | TEXTS, st.just("") | TEXTS, st.just("") | TEXTS, st.none() | LIMITS, mapped(TEXTS),
        mapped(LIMITS | st.just(Limit())),
    ),
    manifest=st.builds(
        Manifest,
        members=several(NAMES),
        default_groups=GROUPS,
        requirements=several(REQUIREMENTS),
        constraints=several(REQUIREMENTS),
        overrides=several(REQUIREMENTS),
        excludes=several(NAMES),
        build_constraints=several(REQUIREMENTS),
        groups=mapped(several(REQUIREMENTS)),
        group_pythons=mapped(TEXTS),
        metadata=several(st.builds(StaticMetadata, NAMES, st.just("") | TEXTS, several(TEXTS), st.just("") | TEXTS, several(NAMES))),
    ),
)  # fmt: skip


@given(LOCKS)
def test_reader_inverts_writer(lock: Lock) -> None:
    assert uv_lock.read(uv_lock.write(lock), "uv.lock") == lock


#: pyproject.toml files whose locks hold, together, every table and key of the format.
PROJECTS = {
    "options": """
[project]
name = "demo"
version = "1"
requires-python = ">=3.9"
dependencies = []
[project.optional-dependencies]
a = ["beta<2"]
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
required-environments = ["sys_platform == 'linux'"]
default-groups = ["g"]
conflicts = [[{ extra = "b" }, { extra = "a" }, { group = "g" }]]
dependency-groups = { g = { requires-python = ">=3.10" } }
""",
    "virtual root": """
[dependency-groups]
dev = ["alpha", "beta>1", "gamma[x]==1 ; sys_platform == 'linux'"]
e = []
h = ["beta"]
[tool.uv]
dependency-groups = { h = { requires-python = ">=3.12" } }
default-groups = "all"
[tool.uv.workspace]
members = ["m/*"]
""",
    "sources": """
[project]
name = "demo"
version = "1"
requires-python = ">=3.9"
dependencies = ["alpha[cli]", "beta", "pe"]
[project.optional-dependencies]
all = ["demo[x]"]
x = ["beta"]
[tool.uv.sources]
beta = [{ path = "../wheels/beta-1.0-py3-none-any.whl", marker = "sys_platform == 'linux'" }]
pe = { path = "m/pe", editable = true }
""",
}  # fmt: skip


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.parametrize("flat", [False, True])
def test_lock_of_uv_is_rewritten_byte_for_byte(place: str, name: str, flat: bool) -> None:
    with IndexServer() as index:
        project = Project(place, index)
        for version in ("1.0", "1.5", "2.0"):
            project.wheel("beta", version, python=">=3.12" if version == "2.0" else "")
        project.wheel("alpha", "2.0", "beta>=1", 'gamma; extra == "cli"', extras=["cli"])
        project.wheel("gamma", "1")
        project.write("pyproject.toml", PROJECTS[name])
        project.write("m/pe/pyproject.toml", '[project]\nname = "pe"\nversion = "1"\nrequires-python = ">=3.9"\n')
        if flat:
            project.uv("lock", "--no-index", "--find-links", "../wheels").ok()
        else:
            project.uv("lock").ok()
        lock = uv_lock.read(project.lock, "uv.lock")
        assert len(lock.packages) > 1
        assert uv_lock.write(lock) == project.lock


def test_unknown_keys_and_older_revisions_are_read() -> None:
    text = 'version = 1\nnews = 3\nrequires-python = ">=3.9"\n[[package]]\nname = "a"\nversion = "1"\nsource = { virtual = "." }\nmood = "good"\n'
    lock = uv_lock.read(text, "uv.lock")
    assert (lock.revision, lock.packages) == (0, (Package("a", "1", Source("virtual", ".")),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 2\n", "version 2"),
        ("version = [\n", "not valid TOML"),
        ("version = 1\nrequires-python = 3\n", "`requires-python` is not a string"),
        ('version = 1\n[[package]]\nname = "a"\n', "the package `a` has no source"),
        ('version = 1\n[[package]]\nname = "a"\nsource = { ship = "x" }\n', "no known kind"),
        ("version = 1\npackage = 3\n", "wrong type"),
    ],
)  # fmt: skip
def test_bad_lock_is_refused_with_file_and_reason(text: str, said: str) -> None:
    with pytest.raises(InvalidLock, match=said) as caught:
        uv_lock.read(text, "here/uv.lock")
    assert "`here/uv.lock`" in caught.value.message


def test_merge_marks_are_told_and_taken_apart() -> None:
    text = "version = 1\n<<<<<<< HEAD\na = 1\n||||||| base\na = 0\n=======\na = 2\n>>>>>>> other\nb = 1\n"  # fmt: skip
    with pytest.raises(MergeMarks):
        uv_lock.read(text, "uv.lock")
    assert uv_lock.sides(text) == ("version = 1\na = 1\nb = 1\n", "version = 1\na = 2\nb = 1\n")
