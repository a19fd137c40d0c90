import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import parse_tag
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from commonwheel.specs import wheel_file

REAL = [
    "numpy-2.3.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    "pydantic_core-2.41.5-graalpy312-graalpy250_312_native-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "torch-2.9.1+cu126-cp313-cp313t-manylinux_2_28_x86_64.whl",
    "six-1.17.0-py2.py3-none-any.whl",
    "zope.interface-7.2-cp39-cp39-macosx_11_0_arm64.whl",
    "ruamel.yaml-0.18.6-py3-none-any.whl",
    "Flask_SQLAlchemy-2.5.1-py2.py3-none-any.whl",
    "cmake-3.18.2-1-py2.py3-none-manylinux1_x86_64.whl",
    "foo-1.0-2b.x-py3-none-any.whl",
    "foo-1!2.0.post1.dev3+ubuntu.1-py3-none-any.whl",
    "a-0-py3-none-any.whl",
]


@pytest.mark.parametrize("filename", REAL)
def test_wheel_name_parsing_matches_packaging(filename: str) -> None:
    name, version, build, tags = parse_wheel_filename(filename)
    mine = wheel_file.parse_filename(filename)
    assert mine.name == name
    assert Version(mine.version) == version
    assert mine.build_key == (build or (-1, ""))
    assert set(mine.tags) == {str(tag) for tag in tags}
    assert mine.variant == ""


WORD = st.text(alphabet="abz09", min_size=1, max_size=4)
SETS = st.lists(WORD, min_size=1, max_size=3, unique=True).map(".".join)


@given(WORD, st.sampled_from(["1.0", "2!1", "1.0+a_b", "3rc1"]), st.sampled_from(["", "1", "07ab"]), SETS, SETS, SETS)
def test_split_and_parse_agree(name: str, version: str, build: str, python: str, abi: str, platform: str) -> None:
    python = "py" + python.replace(
        ".", ".py"
    )  # no interpreter tag begins with a digit: that is what tells a build tag apart
    filename = "-".join(part for part in (name, version, build, python, abi, platform) if part) + ".whl"
    split = wheel_file.split_filename(filename)
    assert split == (name, version, build, python, abi, platform)
    value = wheel_file.parse_filename(filename)
    assert (value.name, value.build, value.python, value.abi, value.platform) == (name, build, python, abi, platform)
    assert set(value.tags) == {str(tag) for tag in parse_tag(f"{python}-{abi}-{platform}")}


@pytest.mark.parametrize(
    ("filename", "build"),
    [("foo-1.0-py3-none-any-cu126.whl", ""), ("foo-1.0-1-cp313-cp313-linux_x86_64-x86_64_v3.whl", "1")],
)
def test_variant_wheels_are_recognized_and_skipped(filename: str, build: str) -> None:
    assert wheel_file.split_filename(filename) is None
    value = wheel_file.parse_filename(filename)
    assert value.variant in ("cu126", "x86_64_v3")
    assert value.build == build


@pytest.mark.parametrize(
    "filename",
    [
        "foo-1.0-py3-none-any.zip", "foo-1.0-py3-none.whl", "foo.whl", "-1.0-py3-none-any.whl", "foo--py3-none-any.whl",
        "../foo-1.0-py3-none-any.whl", "foo-1.0/2-py3-none-any.whl", "foo-1.0-py3-none-.whl", "foo-1.0-py3..py2-none-any.whl",
        "foo-1.0-x-py3-none-any-b.whl", "fo o-1.0-py3-none-any.whl", "foo-1.0-py3-none-any-a-b-c.whl", ".whl",
        "foo-1.0-py3-none-any-../x.whl", "foo-1.0-1\n-py3-none-any.whl", "füü-1.0-py3-none-any.whl",
    ],
)  # fmt: skip
def test_invalid_wheel_names_are_refused(filename: str) -> None:
    with pytest.raises(wheel_file.InvalidWheelName) as caught:
        wheel_file.parse_filename(filename)
    assert filename in caught.value.message
    assert caught.value.issues


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("zope-interface-1.0-2.tar.gz", "zope-interface", "1.0-2"),
        ("zope.interface-7.2.tar.gz", "zope-interface", "7.2"),
        ("a__b-1.zip", "a-b", "1"),
        ("foo-bar-1.0.tar.gz", "foo", "bar-1.0"),
        ("Foo-1.0.tar.gz", "foo", "1.0"),
        ("foo-1.0.tar.bz2", "foo", None),
        ("foo-1.0.tar.gz", "bar", None),
        ("foo-.tar.gz", "foo", None),
        ("foo.tar.gz", "foo", None),
    ],
)
def test_sdist_name_with_known_project(filename: str, project: str, version: str | None) -> None:
    assert wheel_file.parse_sdist_filename(filename, project) == version


@pytest.mark.parametrize("filename", ["zope_interface-7.2.tar.gz", "six-1.17.0.tar.gz", "a-b-c-1.0rc1.zip"])
def test_sdist_name_with_unknown_project(filename: str) -> None:
    name, version = parse_sdist_filename(filename)
    assert wheel_file.split_sdist_filename(filename) == (name, str(version))


def test_non_sdist_names() -> None:
    assert wheel_file.split_sdist_filename("main.zip") is None
    assert wheel_file.split_sdist_filename("foo-1.0.exe") is None


def test_wheel_file() -> None:
    text = "Wheel-Version: 1.0\r\nGenerator: x (1)\r\nRoot-Is-Purelib: True\r\nTag: py2.py3-none-any\r\nTag: cp3-abi3-linux\r\nBuild: 1\r\n"
    value = wheel_file.parse(text.encode())
    assert value.wheel_version == (1, 0)
    assert value.purelib
    assert value.tags == ("py2-none-any", "py3-none-any", "cp3-abi3-linux")
    assert (value.build, value.generator) == ("1", "x (1)")


def test_later_minor_version_is_read_and_major_refused() -> None:
    assert wheel_file.parse("Wheel-Version: 1.9\nFuture: x\n").wheel_version == (1, 9)
    with pytest.raises(wheel_file.UnsupportedWheelVersion):
        wheel_file.parse("Wheel-Version: 2.0\nRoot-Is-Purelib: true\n")


@pytest.mark.parametrize(
    "text", ["", "Root-Is-Purelib: true\n", "Wheel-Version: one\n", "\x00\x01", "Wheel-Version:\n"]
)
def test_wheel_file_without_version_is_refused(text: str) -> None:
    with pytest.raises(wheel_file.InvalidWheelFile):
        wheel_file.parse(text)
