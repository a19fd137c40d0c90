"""Targets that are only named, against what uv 0.13.9 takes the names for, and against `packaging.tags`."""

import pytest
from packaging import tags as reference

from commonwheel.errors import UsageError
from commonwheel.model import Target
from commonwheel.python import platforms
from kit import pythons as kit

NAMES = [
    # name, platform_machine, platform_system, sys_platform, os_name, a tag that fits, one that does not
    ("linux", "x86_64", "Linux", "linux", "posix", "manylinux_2_28_x86_64", "manylinux_2_29_x86_64"),
    ("macos", "arm64", "Darwin", "darwin", "posix", "macosx_13_0_arm64", "macosx_14_0_arm64"),
    ("windows", "AMD64", "Windows", "win32", "nt", "win_amd64", "win32"),
    ("x86_64-unknown-linux-gnu", "x86_64", "Linux", "linux", "posix", "manylinux1_x86_64", "manylinux_2_29_x86_64"),
    (
        "aarch64-unknown-linux-gnu",
        "aarch64",
        "Linux",
        "linux",
        "posix",
        "manylinux2014_aarch64",
        "manylinux_2_5_aarch64",
    ),
    (
        "aarch64-unknown-linux-musl",
        "aarch64",
        "Linux",
        "linux",
        "posix",
        "musllinux_1_2_aarch64",
        "musllinux_1_3_aarch64",
    ),
    ("riscv64-unknown-linux", "riscv64", "Linux", "linux", "posix", "manylinux_2_39_riscv64", "manylinux_2_40_riscv64"),
    ("x86_64-manylinux2014", "x86_64", "Linux", "linux", "posix", "manylinux_2_17_x86_64", "manylinux_2_18_x86_64"),
    ("x86_64-manylinux_2_34", "x86_64", "Linux", "linux", "posix", "manylinux_2_34_x86_64", "manylinux_2_35_x86_64"),
    ("aarch64-musllinux_1_1", "aarch64", "Linux", "linux", "posix", "musllinux_1_1_aarch64", "musllinux_1_2_aarch64"),
    ("x86_64-apple-darwin", "x86_64", "Darwin", "darwin", "posix", "macosx_10_9_x86_64", "macosx_13_0_arm64"),
    ("aarch64-pc-windows-msvc", "ARM64", "Windows", "win32", "nt", "win_arm64", "win_amd64"),
    ("i686-pc-windows-msvc", "x86", "Windows", "win32", "nt", "win32", "win_amd64"),
    ("aarch64-linux-android", "aarch64", "Android", "android", "posix", "android_24_arm64_v8a", "android_25_arm64_v8a"),
    ("wasm32-pyodide2025", "wasm32", "Emscripten", "emscripten", "posix", "pyodide_2025_0_wasm32", "linux_x86_64"),
    (
        "arm64-apple-ios-simulator",
        "arm64",
        "iOS",
        "ios",
        "posix",
        "ios_13_0_arm64_iphonesimulator",
        "ios_14_0_arm64_iphoneos",
    ),
]


@pytest.mark.parametrize(("name", "machine", "system", "sys_platform", "os_name", "fits", "fits_not"), NAMES)
def test_named_platforms(
    name: str, machine: str, system: str, sys_platform: str, os_name: str, fits: str, fits_not: str
) -> None:
    found = platforms.named(name, {})
    assert fits in found.tags
    assert fits_not not in found.tags
    markers = found.markers
    assert markers["platform_machine"] == machine
    assert markers["platform_system"] == system
    assert markers["sys_platform"] == sys_platform
    assert markers["os_name"] == os_name


@pytest.mark.parametrize(
    "name", ["", "beos", "x86_64-manylinux_2", "linux-gnu", "sparc-pc-windows-msvc", "x86_64-apple-ios"]
)
def test_unknown_platforms_are_refused(name: str) -> None:
    with pytest.raises(platforms.UnknownPlatform) as caught:
        platforms.named(name, {})
    assert caught.value.exit_status == 2
    assert caught.value.hint


def test_deployment_targets_set_versions() -> None:
    told = platforms.named("macos", {"MACOSX_DEPLOYMENT_TARGET": "14.3"})
    assert told.tags[0] == "macosx_14_0_arm64"
    assert platforms.named("macos", {"MACOSX_DEPLOYMENT_TARGET": "x"}).tags[0] == "macosx_13_0_arm64"
    assert platforms.named("x86_64-linux-android", {"ANDROID_API_LEVEL": "30"}).tags[0] == "android_30_x86_64"


def test_another_python_version() -> None:
    target = kit.probed(kit.newest()).target
    other = platforms.retarget(target, "3.9")
    assert other.markers["python_version"] == "3.9"
    assert other.markers["python_full_version"] == other.markers["implementation_version"] == "3.9.0"
    assert other.markers["platform_machine"] == target.markers["platform_machine"]
    own = [tag.rpartition("-")[2] for tag in other.tags if tag.startswith("cp39-cp39-")]
    expected = [str(tag) for tag in reference.cpython_tags((3, 9), ["cp39"], own)]
    expected += [str(tag) for tag in reference.compatible_tags((3, 9), "cp39", own)]
    assert list(other.tags) == expected
    assert [tag.rpartition("-")[2] for tag in target.tags][: len(own)] == own
    assert platforms.retarget(target, "3.10.7").markers["python_full_version"] == "3.10.7"


def test_another_platform_keeps_the_version() -> None:
    target = kit.probed(kit.newest()).target
    other = platforms.retarget(target, platform=platforms.named("windows", {}))
    assert other.markers["python_full_version"] == target.markers["python_full_version"]
    assert other.markers["sys_platform"] == "win32"
    assert {tag.rpartition("-")[2] for tag in other.tags} == {"win_amd64", "any"}
    assert other.tags[0].split("-")[:2] == target.tags[0].split("-")[:2]


def test_free_threaded_target_stays_free_threaded() -> None:
    threaded = Target(kit.probed(kit.newest()).markers, ("cp313-cp313t-linux_x86_64", "py3-none-any"))
    assert platforms.retarget(threaded, "3.14").tags[0] == "cp314-cp314t-linux_x86_64"
    assert platforms.retarget(threaded, "3.12").tags[0] == "cp312-cp312-linux_x86_64"


def test_no_options_change_nothing() -> None:
    target = kit.probed(kit.newest()).target
    assert platforms.retarget(target) is target


@pytest.mark.parametrize("version", ["3", "x", "3.x", "."])
def test_invalid_versions(version: str) -> None:
    with pytest.raises(UsageError):
        platforms.retarget(kit.probed(kit.newest()).target, version)


def test_combined_command_line_options() -> None:
    told = kit.probed(kit.newest())
    found = platforms.target(told, "3.10", "macos", {"MACOSX_DEPLOYMENT_TARGET": "12.0"})
    assert found.tags[0] == "cp310-cp310-macosx_12_0_arm64"
    assert found.markers["python_version"] == "3.10"
    assert found.markers["platform_system"] == "Darwin"
    assert platforms.target(told) == told.target
