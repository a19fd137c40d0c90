import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement as Refused
from packaging.requirements import Requirement as Reference
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from commonwheel.model import Digest, Origin, PathSource, Requirement, SafeUrl, UrlSource, VcsSource
from commonwheel.specs.requirement import InvalidRequirement, parse, parse_dependency, parse_editable

REAL = [
    'importlib-metadata (>=3.6) ; python_version < "3.10"', 'PySocks!=1.5.7,>=1.5.6; extra == "socks"', 'colorama ; platform_system == "Windows"',
    "python-dateutil<3.0.0,>=2.1", 'urllib3!=2.2.0,<3,>=1.25.4; python_version >= "3.10"', 'nvidia-cuda-nvrtc-cu12==12.6.77; platform_system == "Linux" and platform_machine == "x86_64"',
    "requests[security,socks]>=2.8.1,==2.8.*", "zope.interface~=5.0.post1", "tomli>=1.1.0; python_version<'3.11'", "black[d]==23.*", "a", "A.B-c_d",
    "foo >= 1.0 , < 2", "foo (>=1.0 , <2)", "foo()", "foo []", "foo[ a , b ]", "foo===anything-goes!", "foo==1!2.0+local.1", "foo!=1.*", "foo == 1.0a1.post2.dev3",
    "foo>=v1.0", "foo>=1.0-1", "foo>=1.0.ALPHA1", "foo==1.0C2", "backports.zoneinfo>=0.2.1;python_version<'3.9' and extra=='tz'",
    "typing-extensions (>=3.7.4.3) ; (python_version < \"3.8\") and (extra == 'all' or extra == \"dev\")", "foo; 'linux' in sys_platform", "foo; os_name not in 'nt java'",
    "foo;python_full_version<='3.11.0a6'", 'numpy>=1.22.4; python_version<"3.11"', 'numpy>=1.26.0; python_version>="3.12"', 'pywin32>=226; platform_system == "Windows"',
    "jaraco.functools", "cffi>=1.14; implementation_name == 'cpython'", 'ruamel.yaml.clib>=0.2.7;platform_python_implementation=="CPython" and python_version<"3.14"',
    "foo>=1.0.dev0", "foo<2a0", "foo\t>=1\t;\tpython_version>'3'", " foo ", "x==2013.10", "foo~=1.4.5a4", "foo>=1,!=1.5,<2",
]  # fmt: skip
BAD = [
    "", "-foo", "foo-", "foo bar", "foo[", "foo]", "foo[a b]", "foo[a,]", "foo[,a]", "foo=1", "foo=>1", "foo>1.*", "foo~=1", "foo>=1+x", "foo<1+x", "foo>=", "foo==", "foo 1.0",
    "foo>=1,,<2", "foo,>=1", "foo(>=1", "foo>=1)", "foo (1.0)", "foo;", "foo; bar", "foo; python_version", "foo; python_version < 3", "foo; extra = 'x'",
    "foo>=1 <2", "foo==1.0.*.*", "foo==1.*a", "foo==1.0a1.*", "foo>=x.y", "foo==1..0", "foo>=1;python_version<'3", "foo\n>=1", "é", "foo[é]",
    "foo>=\uff11", "foo; python_version < '3' or", "foo (>=1) (<2)", "'foo'", "foo>=1.0 # comment", "foo !1", "foo;;", "foo[a][b]", "foo@", "foo @",
]  # fmt: skip


def reference(text: str) -> tuple[object, ...] | None:
    try:
        found = Reference(text)
    except Refused:
        return None
    extras = tuple(sorted({canonicalize_name(extra) for extra in found.extras}))
    return canonicalize_name(found.name), extras, found.specifier, str(found.marker or "")


def ours(text: str) -> tuple[object, ...] | None:
    try:
        found = parse_dependency(text)
    except InvalidRequirement as error:
        return None if error.message and error.exit_status == 2 else ("a poor error",)
    marker = str(Reference(f"x;{found.marker}").marker) if found.marker else ""
    return found.name, found.extras, SpecifierSet(found.specifier), marker


@pytest.mark.parametrize("text", REAL)
def test_valid_requirements_match_packaging(text: str) -> None:
    expected = reference(text)
    assert expected is not None
    assert ours(text) == expected


@pytest.mark.parametrize("text", BAD)
def test_invalid_requirements_match_packaging(text: str) -> None:
    assert ours(text) is None
    assert reference(text) is None


@pytest.mark.parametrize("text", ["foo===", "foo ===;os_name=='x'"])
def test_arbitrary_equality_needs_a_version(text: str) -> None:
    """packaging 26.3 let it pass, as a specifier that nothing fits."""
    assert ours(text) is None


@pytest.mark.parametrize("text", ["foo (>=1,)", "foo>=1 , ; python_version>'3'"])
def test_trailing_comma_is_accepted_as_in_packaging(text: str) -> None:
    found = ours(text)
    assert found == reference(text)
    assert found is not None


def test_surrounding_newlines_are_ignored() -> None:
    assert ours("foo>=1\n") == ours(" foo>=1 ")


TOKENS = st.sampled_from(
    ["foo", "a.b", "[", "]", "x", ",", ">=", "==", "~=", "!=", "<", "===", "1", "1.0", "2.*", "1a1", "1+l", " ", "(", ")", "'3.8'", "-", "=", "\t", "1!2.0", ".dev1"],
)  # fmt: skip
# what may stand in a marker is the business of `markers`, which refuses two variables where packaging takes them
TAILS = st.sampled_from(
    [
        "",
        ";",
        " ; python_version < '3.8'",
        ";extra=='e' and os_name!=\"x\"",
        "; os_name",
        " ;'x' in extra",
        "; python_version < '3' or",
        ";;",
    ]
)


@settings(max_examples=600)
@given(st.lists(TOKENS, max_size=9).map(lambda tokens: "foo" + "".join(tokens)), TAILS)
def test_random_text_matches_packaging(head: str, tail: str) -> None:
    assume(
        not ("===" in head and "," in head)
    )  # packaging takes a comma for a part of the version, and then splits there
    assert ours(head + tail) == reference((head + tail).strip())


@given(st.text(alphabet="fo[],<>=~!1.*;@ ()'\"x#\\é\n", max_size=14))
def test_any_text_parses_or_raises_one_error(text: str) -> None:
    for read in (parse, parse_editable):
        try:
            found = read(text, base_directory="/base")
        except InvalidRequirement:
            continue
        assert found.name or found.source


def test_specifiers_have_no_spaces() -> None:
    assert parse("foo ( >= 1.0 , < 2 ) ; python_version > '3' ").specifier == ">=1.0,<2"
    assert (
        str(parse("Foo [ B , a ] ( >= 1.0 , < 2 ) ; python_version > '3' "))
        == "foo[a,b]>=1.0,<2 ; python_version > '3'"
    )


def test_all_parts_are_kept() -> None:
    origin, digest = Origin("requirements.txt", 3), Digest("sha256", "a" * 64)
    found = parse(" Foo>=1 ; os_name == 'nt'", origin, digests=(digest,))
    assert found == Requirement(
        "foo", (), ">=1", "os_name == 'nt'", None, (digest,), origin, "Foo>=1 ; os_name == 'nt'"
    )


@pytest.mark.parametrize(
    ("text", "name", "extras", "marker", "source"),
    [
        ("Foo[B] @ https://h/x.zip", "foo", ("b",), "", UrlSource(SafeUrl("https://h/x.zip"))),
        ("foo@https://h/x.zip ; os_name=='nt'", "foo", (), "os_name=='nt'", UrlSource(SafeUrl("https://h/x.zip"))),
        ("foo @ https://h/x;y.zip", "foo", (), "", UrlSource(SafeUrl("https://h/x;y.zip"))),
        ("foo @ https://h/x.zip; os_name=='nt'", "foo", (), "os_name=='nt'", UrlSource(SafeUrl("https://h/x.zip"))),
        ("foo @ ./sub dir ; os_name=='nt'", "foo", (), "os_name=='nt'", PathSource("/base/sub dir")),
        ("foo @ /abs", "foo", (), "", PathSource("/abs")),
        ("foo @ file:///abs/x", "foo", (), "", PathSource("/abs/x")),
        ("foo @ git+https://h/r@v1#subdirectory=s", "foo", (), "", VcsSource("git", SafeUrl("https://h/r"), "v1", "s")),
        ("./dir[a] ; os_name=='nt'", "", ("a",), "os_name=='nt'", PathSource("/base/dir")),
        (".;os_name=='nt'", "", (), "os_name=='nt'", PathSource("/base")),
        ("https://h/x.zip ; os_name=='nt'", "", (), "os_name=='nt'", UrlSource(SafeUrl("https://h/x.zip"))),
        ("https://h/x-1-py3-none-any.whl", "x", (), "", UrlSource(SafeUrl("https://h/x-1-py3-none-any.whl"))),
        ("x.whl/", "", (), "", PathSource("/base/x.whl")),
    ],
)  # fmt: skip
def test_sources(text: str, name: str, extras: tuple[str, ...], marker: str, source: object) -> None:
    if text == "x.whl/":  # a directory cannot be told from a wheel by its name, so the name has to be one
        with pytest.raises(InvalidRequirement):
            parse(text, base_directory="/base")
        return
    found = parse(text, base_directory="/base")
    assert (found.name, found.extras, found.specifier, found.marker, found.source) == (name, extras, "", marker, source)


@pytest.mark.parametrize(
    ("text", "name", "source"),
    [
        ("dir", "", PathSource("/base/dir", True)),
        (".[x]", "", PathSource("/base", True)),
        ("foo[x] @ ./dir", "foo", PathSource("/base/dir", True)),
        ("foo@git+https://h/r", "foo", VcsSource("git", SafeUrl("https://h/r"), editable=True)),
        ("git+https://h/r@v1#egg=Foo", "foo", VcsSource("git", SafeUrl("https://h/r"), "v1", editable=True)),
        ("file:///srv/x", "", PathSource("/srv/x", True)),
        ("./a@b", "", PathSource("/base/a@b", True)),
        ("x.y/a@b", "", PathSource("/base/x.y/a@b", True)),
    ],
)
def test_editables(text: str, name: str, source: object) -> None:
    found = parse_editable(text, base_directory="/base")
    assert (found.name, found.source) == (name, source)


@pytest.mark.parametrize(
    "text", ["https://h/x.zip", "./x-1.0.zip", "foo @ https://h/x.zip", "foo @ ./x-1-py3-none-any.whl", ""]
)
def test_non_editable_sources_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequirement):
        parse_editable(text, base_directory="/base")


def test_metadata_allows_named_requirements_only() -> None:
    for text in ("./x", "https://h/x.zip", "x.zip/y", "git+https://h/r"):
        with pytest.raises(InvalidRequirement):
            parse_dependency(text, base_directory="/base")
    with pytest.raises(InvalidRequirement, match="no meaning"):
        parse_dependency("foo @ ./x")


def test_wheel_url_of_another_project_is_refused() -> None:
    with pytest.raises(InvalidRequirement, match="of `bar`, not of `foo`"):
        parse("foo @ https://h/bar-1-py3-none-any.whl")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("flask >= x.y", "x.y"),
        ("flask>=1.*", ".*"),
        ("flask[a b]", "a b"),
        ("flask=1.0", "="),
        ("flask>=1 <2", "<2"),
        ("flask @ ftp://h/x", "ftp://h/x"),
        ("flask~=3", "3"),
        ("flask>=1+a.b", "+a.b"),
    ],
)
def test_error_underlines_span_and_names_origin(text: str, marked: str) -> None:
    with pytest.raises(InvalidRequirement) as caught:
        parse(text, Origin("reqs/base.txt", 7))
    shown, marks = caught.value.context
    assert "reqs/base.txt:7" in caught.value.message
    assert shown[marks.index("^") : marks.rindex("^") + 1] == marked


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("flask=1.0", "=="),
        ("flask 1.0", "==1.0"),
        ("flask~=3", "~=3.0"),
        ("git+git@h:o/r", "git+ssh://"),
        ("ssh://git@h/r", "git+ssh"),
    ],
)
def test_hints(text: str, hint: str) -> None:
    with pytest.raises(InvalidRequirement) as caught:
        parse(text, base_directory="/base")
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_credentials_never_reach_a_message() -> None:
    for text in ("foo @ https://u:secret@h/x y", "https://u:secret@h/x.whl", "foo >>= 1 @ https://u:secret@h"):
        with pytest.raises(InvalidRequirement) as caught:
            parse(text)
        assert "secret" not in str(caught.value.as_json())
    assert "secret" not in repr(parse("foo @ https://u:secret@h/x.zip"))
