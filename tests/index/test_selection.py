"""Which files fit and which is best: against the rows one by one, against packaging, and against pip's own finder."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename
from pip._internal.index.package_finder import CandidateEvaluator
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.link import Link
from pip._internal.models.target_python import TargetPython

from commonwheel.index.page_record import Draft, Page, Provenance, Row
from commonwheel.index.rules import Terms
from commonwheel.index.selection import Judge, admits_python
from commonwheel.model import Target

File = tuple[str, str, str, str | None, int | None, float | None, str, str, str]
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64"]


@cache
def tags_of(python: tuple[int, int]) -> tuple[str, ...]:
    native = cpython_tags(python, platforms=PLATFORMS)
    shared = compatible_tags(python, f"cp{python[0]}{python[1]}", PLATFORMS)
    return tuple(map(str, (*native, *shared)))


def target(python: str = "3.11.4") -> Target:
    major, minor = python.split(".")[:2]
    return Target({"python_full_version": python}, tags_of((int(major), int(minor))))


def page_of(*files: File) -> Page:
    draft = Draft("https://index.example/simple", "demo")
    draft.extend(files)
    return draft.finish(Provenance())


def file(
    filename: str,
    requires_python: str = "",
    yanked: str | None = None,
    uploaded: float | None = None,
    digests: str = "",
) -> File:
    return (filename, f"https://files.example/{filename}", requires_python, yanked, None, uploaded, digests, "", "")


names = st.sampled_from(
    [
        "demo-{}-py3-none-any.whl", "demo-{}-py2-none-any.whl", "demo-{}-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "demo-{}-cp312-cp312-manylinux_2_17_x86_64.whl", "demo-{}-cp311-cp311-win_amd64.whl", "demo-{}-cp38-abi3-manylinux_2_28_x86_64.whl",
        "demo-{}.tar.gz", "demo-{}.zip", "demo-{}-1-py3-none-any.whl",
    ]
)  # fmt: skip
files = st.lists(
    st.builds(
        file,
        st.builds(str.format, names, st.sampled_from(["1.0", "2.0", "3.0"])),
        st.sampled_from(["", ">=3.8", ">=3.12", "~=3.9", "rubbish >= 2"]),
        st.sampled_from([None, None, "", "broken"]),
        st.none() | st.sampled_from([10.0, 10.5, 11.0, 20.0]),
    ),
    max_size=10,
)
terms = st.builds(Terms, st.booleans(), st.booleans(), st.none() | st.sampled_from([10.0, 10.4, 10.5, 11.0, 15.0]))


@given(files, terms)
def test_profiles_match_single_file_checks(offered: list[File], said: Terms) -> None:
    page = page_of(*offered)
    judge = Judge(target())
    verdict = judge.verdict(page, said)
    for at in range(len(page.versions)):
        found = page.files(at)
        assert found is not None
        outcome = max(judge.outcome(row, said) for row in found)
        reasons = [reason for reason, mask in verdict.barred.items() if mask >> at & 1]
        assert len(reasons) <= 1
        best = judge.best(((0, row) for row in found), lambda _: said)
        assert (best is None) is bool(reasons)
        assert [judge.outcome(row, said) for row in found if not judge.objection(row, said)].count(
            outcome
        ) > 0 or reasons
        assert bool(verdict.yanked >> at & 1) is (best is not None and best[1].yanked is not None)
        assert best is None or best[1] in (page.files(at, verdict.fitting) or [])


@pytest.mark.parametrize(
    ("offered", "said", "reason"),
    [
        ([file("demo-1.0-cp312-cp312-win_amd64.whl")], Terms(), "platform"),
        ([file("demo-1.0-py3-none-any.whl", ">=3.12")], Terms(), "requires-python"),
        ([file("demo-1.0-py3-none-any.whl", "nonsense")], Terms(), "invalid"),
        ([file("demo-1.0.tar.gz")], Terms(sdists=False), "no-wheel"),
        ([file("demo-1.0.tar.gz"), file("demo-1.0-cp312-cp312-win_amd64.whl")], Terms(sdists=False), "no-wheel"),
        ([file("demo-1.0-cp312-cp312-win_amd64.whl")], Terms(sdists=False), "platform"),
        ([file("demo-1.0-py3-none-any.whl")], Terms(wheels=False), "no-sdist"),
        ([file("demo-1.0-py3-none-any.whl", uploaded=20.0)], Terms(newest=20.0), "exclude-newer"),
        ([file("demo-1.0-py3-none-any.whl", uploaded=None)], Terms(newest=20.0), "exclude-newer"),
        # of several reasons the one of the file that came nearest is told
        ([file("demo-1.0-cp38-cp38-win32.whl"), file("demo-1.0.tar.gz", ">=3.12")], Terms(), "requires-python"),
        # ... and a version that would be barred anyway is not called too new
        ([file("demo-1.0-py3-none-any.whl", ">=3.12", uploaded=30.0)], Terms(newest=20.0), "requires-python"),
    ],
)
def test_reason_is_that_of_the_closest_file(offered: list[File], said: Terms, reason: str) -> None:
    judge = Judge(target())
    page = page_of(*offered)
    assert dict(judge.verdict(page, said).barred) == {reason: 1}
    rows = page.files(0)
    assert rows is not None
    assert all(judge.objection(row, said) for row in rows)


def test_release_across_the_limit_is_checked_per_file() -> None:
    page = page_of(
        file("demo-1.0-py3-none-any.whl", uploaded=5.0), file("demo-2.0-py3-none-any.whl", uploaded=9.25),
        file("demo-2.0.tar.gz", uploaded=9.75), file("demo-3.0-cp312-cp312-win_amd64.whl", uploaded=9.0),
        file("demo-3.0-py3-none-any.whl", uploaded=12.0), file("demo-4.0-py3-none-any.whl", uploaded=9.5),
    )  # fmt: skip
    verdict = Judge(target()).verdict(page, Terms(newest=9.5))
    assert dict(verdict.barred) == {"exclude-newer": 0b1100}


def test_objections_name_the_mismatch() -> None:
    judge = Judge(target("3.11.4"), "3.9.1")

    def objection(filename: str, requires_python: str = "", said: Terms | None = None) -> str:
        rows = page_of(file(filename, requires_python)).files(0)
        assert rows
        return judge.objection(rows[0], said or Terms())

    assert "another Python (`cp312`)" in objection("demo-1-cp312-cp312-manylinux_2_17_x86_64.whl")
    assert "another platform (`win_amd64`)" in objection("demo-1-cp311-cp311-win_amd64.whl")
    assert "another ABI (`cp311t`)" in objection("demo-1-cp311-cp311t-manylinux_2_17_x86_64.whl")
    assert "requires Python `>=3.12`, and this is Python 3.11.4" in objection("demo-1-py3-none-any.whl", ">=3.12")
    assert "and this is Python 3.9.1" in objection("demo-1.tar.gz", ">=3.10")
    assert not objection("demo-1-py3-none-any.whl", ">=3.10")
    assert "building is not allowed" in objection("demo-1.tar.gz", "", Terms(sdists=False))
    assert "cannot be read" in objection("demo-1-py3-none-any.whl", "???")


@pytest.mark.parametrize(
    ("text", "python", "admitted"),
    [
        (">=3.8", "3.11.4", True),
        (">=3.12", "3.11.4", False),
        (">=3.8,<3.11", "3.11.4", True),  # an upper bound is a guess about the future
        ("<3", "3.11.4", True),
        ("==3.8.*", "3.11.4", True),
        ("==3.12.*", "3.11.4", False),
        ("~=3.8", "3.11.4", True),
        ("~=3.12", "3.11.4", False),
        (">=3.8,!=3.11.4", "3.11.4", False),  # ... but a version that is named is known to be no good
        ("!=3.11.*", "3.11.4", False),
        (">3.11", "3.11.4", True),
        (">3.11.4", "3.11.4", False),
        (">=2.7, !=3.0.*,", "3.11.4", True),
        (">=3.6'", "3.11.4", True),
        (">=three", "3.11.4", None),
        (">=3.14", "3.14.0rc1", None),
    ],
)
def test_requires_python_is_a_lower_bound(text: str, python: str, admitted: bool | None) -> None:
    if python.endswith("rc1"):
        assert Judge(target(python)).admits(text, False) is True
    else:
        assert admits_python(text, python) is admitted


@given(
    st.lists(st.sampled_from([">=3.7", ">=3.11", ">3.10", "!=3.11.4", "!=3.10.*", ">=3.11.5", ">=4"]), max_size=3).map(
        ",".join
    ),
    st.sampled_from(["3.8.0", "3.10.9", "3.11.4", "3.11.5", "3.13.1"]),
)
def test_without_upper_bounds_matches_packaging(text: str, python: str) -> None:
    assert admits_python(text, python) is SpecifierSet(text).contains(python, prereleases=True)


def test_target_without_tags_accepts_every_wheel() -> None:
    judge = Judge(Target({"python_full_version": "3.9"}, ()))
    page = page_of(file("demo-1.0-cp312-cp312-win_amd64.whl"), file("demo-1.0-py3-none-any.whl"))
    assert not judge.verdict(page, Terms()).barred
    best = judge.best(((0, row) for row in page.files(0) or []), lambda _: Terms())
    assert best is not None
    assert best[1].tag == "py3-none-any"


# --- pip's finder as the oracle ------------------------------------------------------------------------------------------

PAGES = {
    "a compiled package": [
        f"demo-1.2-{python}-{abi}-{platform}.whl"
        for python, abi in (("cp39", "cp39"), ("cp311", "cp311"), ("cp312", "cp312"), ("cp313", "cp313t"), ("pp310", "pypy310_pp73"))
        for platform in ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_28_x86_64", "musllinux_1_1_x86_64", "macosx_11_0_arm64", "win32")
    ] + ["demo-1.2.tar.gz"],
    "a stable ABI": ["demo-1.2-cp38-abi3-manylinux_2_17_x86_64.whl", "demo-1.2-cp37-abi3-manylinux_2_28_x86_64.whl", "demo-1.2-py3-none-manylinux2014_x86_64.whl", "demo-1.2.tar.gz"],
    "a pure package": ["demo-1.2-py2.py3-none-any.whl", "demo-1.2.tar.gz", "demo-1.2.zip"],
    "builds": ["demo-1.2-1-py3-none-any.whl", "demo-1.2-10-py3-none-any.whl", "demo-1.2-2b-py3-none-any.whl", "demo-1.2-py3-none-any.whl"],
    "only sources": ["demo-1.2.tar.gz"],
    "a wheel for each": ["demo-1.2-py3-none-any.whl", "demo-1.2-cp311-none-any.whl", "demo-1.2-cp311-cp311-linux_x86_64.whl", "demo-1.2-py311-none-any.whl"],
}  # fmt: skip


def pip_choice(found: list[str], wanted: TargetPython) -> str | None:
    usable = set(map(str, wanted.get_sorted_tags()))
    candidates = [
        InstallationCandidate("demo", "1.2", Link(f"https://files.example/{name}"))
        for name in found
        # the evaluator is only ever given links that fit
        if not name.endswith(".whl") or usable & set(map(str, parse_wheel_filename(name)[3]))
    ]
    best = CandidateEvaluator.create("demo", wanted).sort_best_candidate(candidates)
    return best.link.filename if best is not None else None


@pytest.mark.parametrize("python", [(3, 9), (3, 11), (3, 12), (3, 13)])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_file_choice_matches_pip(page: list[str], python: tuple[int, int]) -> None:
    wanted = TargetPython(
        platforms=PLATFORMS, py_version_info=(*python, 4), abis=[f"cp{python[0]}{python[1]}"], implementation="cp"
    )
    judge = Judge(
        Target({"python_full_version": f"{python[0]}.{python[1]}.4"}, tuple(map(str, wanted.get_sorted_tags())))
    )
    made = page_of(*map(file, page))
    best = judge.best(((0, row) for row in made.files(0) or []), lambda _: Terms())
    assert (best[1].filename if best is not None else None) == pip_choice(page, wanted)


def test_allowed_hash_wins_over_a_better_wheel() -> None:
    judge = Judge(target())
    rows = [
        Row("py3-none-any", "a.whl", "https://x.example/a.whl", digests="sha256:aa"),
        Row("cp311-cp311-linux_x86_64", "b.whl", "https://x.example/b.whl", digests="sha256:bb,md5:cc"),
        Row(".tar.gz", "c.tar.gz", "https://x.example/c.tar.gz", digests="sha256:cc"),
    ]

    def best(*allowed: str) -> str:
        found = judge.best(((0, row) for row in rows), lambda _: Terms(), frozenset(allowed))
        assert found is not None
        return found[1].filename

    assert best() == "b.whl"
    assert best("sha256:aa") == "a.whl"
    assert best("sha256:cc") == "c.tar.gz"
    assert best("md5:cc") == "b.whl"
    assert best("sha256:dd") == "b.whl"


def test_first_of_equal_files_wins_and_yanked_come_last() -> None:
    judge = Judge(target())
    plain = Row("py3-none-any", "a.whl", "https://x.example/a.whl")
    yanked = Row("cp311-cp311-linux_x86_64", "b.whl", "https://x.example/b.whl", yanked="bad")
    found = judge.best([(1, plain), (0, plain), (2, yanked)], lambda _: Terms())
    assert found == (0, plain)
    assert judge.best([(2, yanked)], lambda _: Terms()) == (2, yanked)
