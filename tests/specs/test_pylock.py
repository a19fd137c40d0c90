import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging import pylock

from commonwheel.model import Candidate, Digest, PathSource, Pin, SafeUrl, Target, UrlSource, VcsSource
from commonwheel.specs import pylock as specs_pylock
from commonwheel.specs.pylock import CannotLock, InvalidLock, LockDoesNotFit, Locked

SHA, MD5 = Digest("sha256", "a" * 64), Digest("md5", "b" * 32)
MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.12.1", "os_name": "posix", "platform_machine": "x86_64", "platform_release": "6", "platform_system": "Linux",
    "platform_version": "#1", "python_full_version": "3.12.1", "platform_python_implementation": "CPython", "python_version": "3.12", "sys_platform": "linux",
}  # fmt: skip
LINUX = Target(MARKERS, ("cp312-cp312-linux_x86_64", "cp312-abi3-linux_x86_64", "py3-none-any"))
OLD = Target({**MARKERS, "python_version": "3.8", "python_full_version": "3.8.1"}, ("py3-none-any",))


def candidate(filename: str, *, url: str = "", version: str = "1.0", digests: tuple[Digest, ...] = (SHA,)) -> Candidate:
    kind = "wheel" if filename.endswith(".whl") else "sdist"
    return Candidate(
        filename.partition("-")[0], version, kind, filename, SafeUrl(url or f"https://u:secret@files.example/{filename}"), digests, 12, ">=3.8", None,
        datetime(2024, 5, 6, 7, 8, 9, 250000, UTC).timestamp(), None, "https://tok@index.example/simple",
    )  # fmt: skip


NATIVE, PURE, SDIST = (
    candidate(f"foo-1.0{end}") for end in ("-cp312-cp312-linux_x86_64.whl", "-py3-none-any.whl", ".tar.gz")
)
FOO = Locked(Pin("foo", "1.0", PURE), (SDIST, PURE, NATIVE), ("zlib", "bar", "bar"), ">=3.8")


def read(text: str) -> specs_pylock.Lock:
    return specs_pylock.read(text, "pylock.toml", "/p/lock")


def test_exact_output() -> None:
    packages = [
        FOO,
        Locked(Pin("arch", "2", source=UrlSource(SafeUrl("https://u:secret@h.example/arch-2.zip"), "sub", (MD5, SHA)))),
        Locked(Pin("tree", "0", source=PathSource("/p/tree", True))),
        Locked(
            Pin(
                "repo",
                "3",
                source=VcsSource("git", SafeUrl("https://secret@h.example/r"), "main", "sub", "c" * 40),
                marker="python_version > '3.8'",
            )
        ),
        Locked(
            Pin(
                "local",
                "1.0",
                candidate("local-1.0-py3-none-any.whl", url="file:///p/lock/wheels/local-1.0-py3-none-any.whl"),
            )
        ),
    ]
    text = specs_pylock.write(
        packages,
        base_directory="/p/lock",
        requires_python=">=3.8",
        environments=["os_name == 'posix'"],
        extras=["b", "a"],
        groups=["dev"],
        default_groups=["dev"],
    )
    file = (
        '{{name = "{}", upload-time = 2024-05-06T07:08:09.250000Z, {}, size = 12, hashes = {{sha256 = "'
        + "a" * 64
        + '"}}}}'
    )
    foo = {
        end: file.format(f"foo-1.0{end}", f'url = "https://files.example/foo-1.0{end}"')
        for end in ("-cp312-cp312-linux_x86_64.whl", "-py3-none-any.whl", ".tar.gz")
    }
    assert (
        text
        == f"""\
lock-version = "1.0"
environments = ["os_name == 'posix'"]
requires-python = ">=3.8"
extras = ["a", "b"]
dependency-groups = ["dev"]
default-groups = ["dev"]
created-by = "commonwheel"

[[packages]]
name = "arch"
version = "2"
archive = {{url = "https://h.example/arch-2.zip", hashes = {{md5 = "{MD5.hex}", sha256 = "{SHA.hex}"}}, subdirectory = "sub"}}

[[packages]]
name = "foo"
version = "1.0"
requires-python = ">=3.8"
dependencies = [{{name = "bar"}}, {{name = "zlib"}}]
index = "https://index.example/simple"
sdist = {foo[".tar.gz"]}
wheels = [
    {foo["-cp312-cp312-linux_x86_64.whl"]},
    {foo["-py3-none-any.whl"]},
]

[[packages]]
name = "local"
version = "1.0"
index = "https://index.example/simple"
wheels = [
    {file.format("local-1.0-py3-none-any.whl", 'path = "wheels/local-1.0-py3-none-any.whl"')},
]

[[packages]]
name = "repo"
marker = "python_version > '3.8'"
vcs = {{type = "git", url = "https://h.example/r", requested-revision = "main", commit-id = "{"c" * 40}", subdirectory = "sub"}}

[[packages]]
name = "tree"
directory = {{path = "../tree", editable = true}}
"""
    )
    assert text == specs_pylock.write(
        packages[::-1],
        base_directory="/p/lock",
        requires_python=">=3.8",
        environments=["os_name == 'posix'"],
        extras=["a", "b"],
        groups=["dev"],
        default_groups=["dev"],
    )


def test_files_are_chosen_by_tags_and_options() -> None:
    lock = read(specs_pylock.write([FOO], base_directory="/p/lock"))
    for target, expected in ((LINUX, NATIVE), (OLD, PURE)):
        (pin,) = specs_pylock.select(lock, target)
        assert pin.candidate is not None
        assert pin.candidate == expected.replaced(
            url=SafeUrl(f"https://files.example/{expected.filename}"), index="https://index.example/simple"
        )
        assert (pin.name, pin.version, pin.digests) == ("foo", "1.0", (SHA,))
    for everything in (("foo",), (":all:",)):
        (pin,) = specs_pylock.select(lock, LINUX, prefer_sdist=everything)
        assert pin.candidate is not None
        assert pin.candidate.kind == "sdist"
    only_sdist = read(specs_pylock.write([Locked(Pin("foo", "1.0", SDIST))], base_directory="/p/lock"))
    assert specs_pylock.select(only_sdist, LINUX)
    for everything in (("foo",), (":all:",)):
        with pytest.raises(LockDoesNotFit, match="no wheel"):
            specs_pylock.select(only_sdist, LINUX, forbid_sdist=everything)


SOURCES = [
    UrlSource(SafeUrl("https://h.example/x.zip"), None, (SHA,)), UrlSource(SafeUrl("https://h.example/x.zip"), "sub/dir", (MD5, SHA)),
    PathSource("/p/lock/x-1.0.tar.gz", False, None, (SHA,)), PathSource("/p/x"), PathSource("/elsewhere/x y", True, "s"),
    VcsSource("git", SafeUrl("https://h.example/r"), "v1", "sub", "c" * 40), VcsSource("git", SafeUrl("ssh://git@h.example/r"), None, None, "c" * 40),
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_sources_round_trip(source: UrlSource | PathSource | VcsSource) -> None:
    text = specs_pylock.write([Locked(Pin("x", "1.0", source=source))], base_directory="/p/lock")
    (pin,) = specs_pylock.select(read(text), LINUX)
    assert pin.source == source
    assert pin.name == "x"


def test_paths_are_relative_to_the_lock() -> None:
    text = (
        'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "foo"\nwheels = [{path = "../w/foo-1.0-py3-none-any.whl", hashes = {sha256 = "'
        + SHA.hex
        + '"}}]\n'
    )
    (pin,) = specs_pylock.select(read(text), LINUX)
    assert pin.candidate is not None
    assert (pin.version, pin.candidate.filename, pin.candidate.url) == (
        "1.0",
        "foo-1.0-py3-none-any.whl",
        SafeUrl("file:///p/w/foo-1.0-py3-none-any.whl"),
    )
    vcs = 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "r"\nvcs = {type = "git", path = "../r", commit-id = "c"}\n'
    (pin,) = specs_pylock.select(read(vcs), LINUX)
    assert pin.source == VcsSource("git", SafeUrl("file:///p/r"), commit="c")


def test_markers_extras_and_groups() -> None:
    packages = [
        Locked(Pin("new", "1", candidate("new-1-py3-none-any.whl", version="1"), marker="python_version >= '3.9'")),
        Locked(Pin("extra", "1", candidate("extra-1-py3-none-any.whl", version="1"), marker="'x' in extras")),
        Locked(
            Pin("dev", "1", candidate("dev-1-py3-none-any.whl", version="1"), marker="'Dev_A' in dependency_groups")
        ),
    ]
    lock = read(
        specs_pylock.write(packages, base_directory="/p/lock", extras=["x"], groups=["Dev_A"], default_groups=["Dev_A"])
    )
    assert (lock.extras, lock.groups) == (("x",), ("Dev_A",))

    def names(target: Target = LINUX, *, extras: Sequence[str] = (), groups: Sequence[str] | None = None) -> list[str]:
        return [pin.name for pin in specs_pylock.select(lock, target, extras=extras, groups=groups)]

    assert names() == ["dev", "new"]
    assert names(OLD, groups=[]) == []
    assert names(extras=["X"], groups=["dev-a"]) == ["dev", "extra", "new"]
    for extra, groups in (("y", None), ("x", ["y"])):
        with pytest.raises(LockDoesNotFit, match="was not made for"):
            names(extras=[extra], groups=groups)


def test_lock_for_other_targets_is_refused() -> None:
    for requires_python, environments in ((">=4", []), ("", ["os_name == 'nt'"])):
        text = specs_pylock.write(
            [FOO], base_directory="/p/lock", requires_python=requires_python, environments=environments
        )
        with pytest.raises(LockDoesNotFit, match="nothing for this interpreter") as caught:
            specs_pylock.select(read(text), LINUX)
        assert caught.value.exit_status == 1
    only_native = read(specs_pylock.write([Locked(FOO.pin, (NATIVE,))], base_directory="/p/lock"))
    with pytest.raises(LockDoesNotFit):
        specs_pylock.select(only_native, OLD)


def test_versions_as_preferences() -> None:
    packages = [
        FOO,
        Locked(Pin("a", "1", candidate("a-1-py3-none-any.whl", version="1"), marker="os_name == 'x'")),
        Locked(Pin("a", "2", candidate("a-2-py3-none-any.whl", version="2"))),
    ]
    assert read(specs_pylock.write(packages, base_directory="/p/lock")).versions == {"foo": "1.0"}


def test_all_unlockable_pins_are_reported_together() -> None:
    packages = [
        Locked(Pin("foo", "1.0", PURE), (PURE.replaced(digests=()), SDIST.replaced(digests=(Digest("sha256", ""),)))),
        Locked(Pin("none", "1.0")),
        Locked(Pin("repo", "1.0", source=VcsSource("git", SafeUrl("https://h.example/r")))),
        Locked(Pin("arch", "1.0", source=UrlSource(SafeUrl("https://h.example/x.zip")))),
    ]
    with pytest.raises(CannotLock) as caught:
        specs_pylock.write(packages, base_directory="/p")
    assert len(caught.value.issues) == 5


GOOD = 'lock-version = "1.0"\ncreated-by = "x"\n'


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "lock-version"), ('lock-version = "1.0"\ncreated-by = "x"', "packages"), ('lock-version = "1.0"\npackages = []', "created-by"), (GOOD + "packages = 3", "packages"),
        (GOOD + "[[packages]]\nname = 'Not_Normal'", "packages[0].name"), (GOOD + "[[packages]]\nname = 'a'", "packages[0]"),
        (GOOD + "[[packages]]\nname = 'a'\nwheels = [{url = 'https://h/b-1-py3-none-any.whl', hashes = {sha256 = 'x'}}]", "packages[0].wheels[0]"),
        (GOOD + "[[packages]]\nname = 'a'\nwheels = [{url = 'https://h/a-1-py3-none-any.whl'}]", "packages[0].wheels[0].hashes"),
        (GOOD + "[[packages]]\nname = 'a'\nversion = 'x'\ndirectory = {path = '.'}", "packages[0].version"),
    ],
)  # fmt: skip
def test_invalid_locks_are_refused(text: str, path: str) -> None:
    with pytest.raises(InvalidLock) as caught:
        read(text)
    assert caught.value.issues[0].startswith(path)


def test_invalid_texts_and_versions(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidLock, match="TOML"):
        read("lock-version = ")
    with pytest.raises(InvalidLock, match=r"2\.0"):
        read('lock-version = "2.0"\ncreated-by = "x"\npackages = []\n')
    lock = read('lock-version = "1.7"\ncreated-by = "x"\npackages = []\n')
    assert "1.7" in lock.notes[0]
    assert capfd.readouterr() == ("", "")
    assert read(specs_pylock.write([], base_directory="/")).notes == ()
    assert specs_pylock.select(lock, LINUX) == ()


def test_hostile_values() -> None:
    bad_hash = (
        GOOD
        + "[[packages]]\nname = 'a'\nwheels = [{url = 'https://h/a-1-py3-none-any.whl', hashes = {sha256 = 'x', odd = 'y'}}]"
    )
    with pytest.raises(InvalidLock, match="no usable hash"):
        specs_pylock.select(read(bad_hash), LINUX)
    for subdirectory in ("../x", "/x", "a/../../x"):
        with pytest.raises(InvalidLock, match="leads out"):
            specs_pylock.select(
                read(GOOD + f"[[packages]]\nname = 'a'\ndirectory = {{path = '.', subdirectory = '{subdirectory}'}}"),
                LINUX,
            )


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    TEXTS,
    st.floats(0, 4e9),
    st.lists(st.sampled_from(["a", "b-c", "d"]), unique=True),
    TEXTS.filter(lambda t: "\x00" not in t),
)
def test_any_text_round_trips_in_toml(revision: str, uploaded: float, names: list[str], path: str) -> None:
    packages = [
        Locked(
            Pin(name, "1.0", candidate(f"{name.replace('-', '_')}-1.0.tar.gz").replaced(name=name, uploaded=uploaded))
        )
        for name in names
    ]
    packages.append(
        Locked(Pin("z", "1", source=VcsSource("git", SafeUrl("https://h.example/r"), revision or None, None, "c")))
    )
    packages.append(Locked(Pin("p", "1", source=PathSource("/p/d" + path.replace("/", "").replace(".", ""), True))))
    text = specs_pylock.write(packages, base_directory="/p")
    document = tomllib.loads(text)
    assert pylock.Pylock.from_dict(document).to_dict() == document
    pins = specs_pylock.select(specs_pylock.read(text, "x", "/p"), LINUX)
    assert {pin.name: pin.source for pin in pins} == {one.pin.name: one.pin.source for one in packages}
    for pin in pins:
        if pin.candidate is not None:
            assert pin.candidate.uploaded == pytest.approx(uploaded, abs=1e-6)
