"""What is told when nothing fits: the user's own line, the fact in the way as the index tells it, and what would help."""

import pytest

from kit.index_server import IndexServer
from kit.wheels import wheel_bytes, wheel_filename


@pytest.fixture(scope="module")
def index():
    """Offer `lib` 1.0, which always fits; a 2.0 of each kind that does not; and applications that want that one."""
    with IndexServer() as server:

        def offer(name, version, *, requires=(), tag="py3-none-any", **fields):
            body = wheel_bytes(name, version, {f"{name}.py": ""}, requires=requires, tag=tag)
            server.add(wheel_filename(name, version, tag), body, **fields)

        for name in ("early", "yanked", "late", "modern", "elsewhere"):
            offer(name, "1.0", uploaded="2020-01-01T00:00:00Z")
            offer(f"wants_{name}", "1.0", requires=[f"{name}>1"], uploaded="2020-01-01T00:00:00Z")
        offer("early", "2.0rc1")
        offer("yanked", "2.0", yanked="it eats files")
        offer("late", "2.0", uploaded="2026-02-03T00:00:00Z")
        offer("modern", "2.0", requires_python=">=3.99")
        offer("elsewhere", "2.0", tag="cp311-cp311-win_amd64")
        yield server


@pytest.fixture
def user(cw, index):
    cw.write("cw.toml", f'index-url = "{index.url}"\n')
    cw("venv", "v").ok()
    return cw


STORIES = [
    (
        "early",
        "early==2.0rc1 is a pre-release",
        "allow pre-releases of `early` (such as 2.0rc1) with `--prerelease-package early=allow`",
    ),
    (
        "yanked",
        "yanked==2.0 was yanked (it eats files)",
        "pin `yanked==2.0` if you want it although it was yanked",
    ),
    (
        "late",
        "late==2.0 is newer than the cut-off date (uploaded 2026-02-03)",
        "move the cut-off date, or set another one for `late` with `--exclude-newer-package`",
    ),
    (
        "modern",
        "modern==2.0 requires Python >=3.99 (this is Python ",
        "choose a Python that `modern` 2.0 supports with `--python`",
    ),
    (
        "elsewhere",
        "elsewhere==2.0 has no wheel for this platform (only for cp311 on win_amd64)",
        "ask for a version of `elsewhere` that has a wheel for this Python and platform, or choose another with `--python`",
    ),
]


@pytest.mark.parametrize(("name", "fact", "hint"), STORIES, ids=[story[0] for story in STORIES])
@pytest.mark.parametrize("asked", ["{name}>1", "wants-{name}"], ids=["directly", "through another"])
def test_what_is_in_the_way_is_told_and_what_would_help(user, name, fact, hint, asked):
    line = asked.format(name=name)
    user.write("r.txt", f"# what we need\n{line}\n")
    options = ["--exclude-newer", "2025-01-01"] if name == "late" else []
    options += ["--prerelease", "disallow"] if name == "early" else []
    said = user("pip", "install", "-p", "v", "-r", "r.txt", *options).failed(1).err
    assert f"r.txt:2 requires {line}" in said
    assert fact in said
    assert said.rstrip().endswith(f"hint: {hint}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("early", ["early>1", "--prerelease", "disallow", "--prerelease-package", "early=allow"]),
        ("yanked", ["wants-yanked", "yanked==2.0"]),
        ("late", ["wants-late", "--exclude-newer", "2025-01-01", "--exclude-newer-package", "late=2026-03-01"]),
    ],
)
def test_what_the_hint_says_does_help(user, name, words):
    ran = user("pip", "install", "-p", "v", *words).ok()
    assert f" + {name}==2.0" in ran.err


def test_a_cut_off_date_of_one_index(user, index):
    """An `[[index]]` may have a date of its own, which counts instead of the general one; TOML has dates, too."""
    user.write("cw.toml", f'[[index]]\nurl = "{index.url}"\ndefault = true\nexclude-newer = 2025-01-01\n')
    assert "late==1.0" in user("pip", "install", "-p", "v", "late").ok().err
    assert "uploaded 2026-02-03" in user("pip", "install", "-p", "v", "late>1").failed(1).err
    ran = user("pip", "install", "-p", "v", "late>1", "--exclude-newer-package", "late=2026-03-01").ok()
    assert "late==2.0" in ran.err
    user.write("cw.toml", f'exclude-newer = "2025-01-01"\n[[index]]\nurl = "{index.url}"\ndefault = true\nexclude-newer = false\n')  # fmt: skip
    user("venv", "w").ok()
    assert "late==2.0" in user("pip", "install", "-p", "w", "late").ok().err
