"""Tags against `packaging.tags`, which answers inside each interpreter."""

import os

import packaging
import pytest
from packaging import tags as reference

from commonwheel.python import tags
from kit import pythons as kit

INSIDE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from packaging.tags import sys_tags
print(json.dumps([str(tag) for tag in sys_tags()]))
"""


@pytest.mark.parametrize("python", list(kit.pythons().values()))
def test_tags_match_packaging(python: str, tmp_path: object) -> None:
    told = kit.probed(python)
    if not kit.runs_packaging(python):  # its functions, from outside
        version, platforms = told.version[:2], tags.compose({**facts_of(python)})
        abi = f"cp{version[0]}{version[1]}"
        own = [tag.rpartition("-")[2] for tag in platforms if tag.startswith(f"{abi}-{abi}-")]
        expected = [str(tag) for tag in reference.cpython_tags(version, [abi], own)]
        expected += [str(tag) for tag in reference.compatible_tags(version, abi, own)]
        assert list(told.tags) == expected
        return
    os.symlink(os.path.dirname(packaging.__file__), f"{tmp_path}/packaging")
    assert list(told.tags) == kit.says(python, INSIDE, str(tmp_path))


def facts_of(python: str) -> dict[str, list[str]]:
    version = kit.probed(python).version
    return facts(version=".".join(map(str, version)), glibc="2.36")


def facts(**changes: str | list[str]) -> dict[str, list[str]]:
    found: dict[str, str | list[str]] = {
        "version": "3.12.1",
        "implementation": "cpython",
        "platform": "linux-x86_64",
        "bits": "64",
        "glibc": "2.28",
        "elf": "2 1 62 0",
        "version-nodot": "",
    }
    found.update(changes)
    return {key: [value] if isinstance(value, str) else value for key, value in found.items() if value}


MODULE = {
    "none": "def manylinux_compatible(*_, **__):\n    return False\n",
    "old only": "def manylinux_compatible(major, minor, arch):\n    return minor <= 17 if minor != 5 else None\n",
    "legacy": "manylinux1_compatible = False\nmanylinux2014_compatible = False\n",
}


@pytest.mark.parametrize("kind", list(MODULE))
def test_manylinux_module_on_pythonpath_is_respected(kind: str, tmp_path: object) -> None:
    with open(f"{tmp_path}/_manylinux.py", "w", encoding="utf-8") as file:
        file.write(MODULE[kind])
    from commonwheel.python import interpreter

    told = interpreter.probe(kit.newest(), kit.Remember(), kit.Counted(), search=(str(tmp_path),))
    os.symlink(os.path.dirname(packaging.__file__), f"{tmp_path}/packaging")
    assert list(told.tags) == kit.says(kit.newest(), INSIDE, str(tmp_path))
    assert told.tags != kit.probed(kit.newest()).tags


@pytest.mark.parametrize(
    ("version", "abis", "changes"),
    [
        ((3, 13), ["cp313t"], {"free-threaded": "1"}),
        ((3, 15), ["cp315t"], {"free-threaded": "1"}),
        ((3, 12), ["cp312d", "cp312"], {"debug": "1"}),
        ((3, 14), ["cp314td", "cp314t"], {"debug": "1", "free-threaded": "1"}),
        ((3, 9), ["cp39"], {}),
    ],
)
def test_cpython_abis(version: tuple[int, int], abis: list[str], changes: dict[str, str]) -> None:
    told = tags.compose(facts(version=f"{version[0]}.{version[1]}.0", **changes))
    places = list(tags.platforms(facts()))
    expected = [str(tag) for tag in reference.cpython_tags(version, abis, places)]
    expected += [str(tag) for tag in reference.compatible_tags(version, f"cp{version[0]}{version[1]}", places)]
    assert list(told) == expected


def test_free_threaded_builds_never_use_abi3() -> None:
    told = tags.compose(facts(**{"version": "3.13.0", "free-threaded": "1"}))
    assert "cp313-cp313t-manylinux_2_28_x86_64" in told
    assert not any("-abi3-" in tag for tag in told)


def test_pypy() -> None:
    suffix = ".pypy310-pp73-x86_64-linux-gnu.so"
    told = tags.compose(facts(implementation="pypy", version="3.10.14", **{"ext-suffix": suffix}))
    places = list(tags.platforms(facts()))
    expected = [str(tag) for tag in reference.generic_tags("pp310", ["pypy310_pp73"], places)]
    expected += [str(tag) for tag in reference.compatible_tags((3, 10), "pp3", places)]
    assert list(told) == expected


@pytest.mark.parametrize(
    ("changes", "first", "some", "not_one"),
    [
        (
            {"platform": "linux-aarch64", "elf": "2 1 183 0"},
            "linux_aarch64",
            "manylinux_2_17_aarch64",
            "manylinux_2_16",
        ),
        ({"bits": "32", "elf": "1 1 3 0"}, "linux_i686", "manylinux1_i686", "x86_64"),
        ({"bits": "32", "elf": "1 1 40 0"}, "linux_i686", "linux_i686", "manylinux"),
        ({"platform": "linux-armv7l", "bits": "32", "elf": "1 1 40 83886080"}, "linux_armv7l", "linux_armv7l", "many"),
        (
            {"platform": "linux-armv7l", "bits": "32", "elf": "1 1 40 83887104"},
            "linux_armv7l",
            "manylinux2014_armv7l",
            "x86",
        ),
        (
            {"platform": "linux-aarch64", "bits": "32", "elf": "1 1 40 83887104"},
            "linux_armv8l",
            "linux_armv7l",
            "aarch64",
        ),
        ({"glibc": "", "musl": "1.2"}, "linux_x86_64", "musllinux_1_1_x86_64", "manylinux"),
        ({"platform": "linux-mips"}, "linux_mips", "linux_mips", "manylinux"),
        ({"platform": "win-amd64", "glibc": ""}, "win_amd64", "win_amd64", "linux"),
        (
            {"platform": "freebsd-13.2-RELEASE-amd64"},
            "freebsd_13_2_RELEASE_amd64",
            "freebsd_13_2_RELEASE_amd64",
            "linux",
        ),
    ],
)
def test_platforms(changes: dict[str, str], first: str, some: str, not_one: str) -> None:
    told = list(tags.platforms(facts(**changes)))
    assert told[0] == first
    assert some in told
    assert not any(not_one in tag for tag in told)
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("arch", ["arm64", "x86_64", "i386", "ppc", "ppc64"])
@pytest.mark.parametrize("version", [(10, 3), (10, 4), (10, 6), (10, 9), (10, 15), (11, 0), (13, 4), (26, 1)])
def test_mac(version: tuple[int, int], arch: str) -> None:
    assert list(tags.mac_platforms(version, arch)) == list(reference.mac_platforms(version, arch))


def test_mobile() -> None:
    assert list(tags.ios_platforms((13, 2), "arm64_iphoneos")) == list(
        reference.ios_platforms((13, 2), "arm64_iphoneos")
    )
    assert list(tags.android_platforms(24, "x86_64")) == list(reference.android_platforms(24, "x86_64"))


def test_mac_facts() -> None:
    told = list(
        tags.platforms(facts(**{"platform": "macosx-10.9-universal2", "mac-version": "14.5.1", "mac-machine": "arm64"}))
    )
    assert told == list(reference.mac_platforms((14, 5), "arm64"))
