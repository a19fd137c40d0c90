import pytest

from commonwheel.model import Digest, PathSource, SafeUrl, UrlSource, VcsSource
from commonwheel.specs import sources
from commonwheel.specs.sources import Place, SourceFault

SHA = "a1" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"https://h.example/a/Foo_Bar-1.0-py3-none-any.whl#sha256={SHA}",
            Place(
                UrlSource(SafeUrl("https://h.example/a/Foo_Bar-1.0-py3-none-any.whl"), None, (Digest("sha256", SHA),)),
                "foo-bar",
            ),
        ),
        (
            "https://u:p%40@h.example/x/torch-2.0%2Bcpu-py3-none-any.whl?token=1",
            Place(UrlSource(SafeUrl("https://u:p%40@h.example/x/torch-2.0%2Bcpu-py3-none-any.whl?token=1")), "torch"),
        ),
        (
            "https://h.example/main.zip#egg=Some.Name[b,A]&subdirectory=sub/dir",
            Place(UrlSource(SafeUrl("https://h.example/main.zip"), "sub/dir"), "some-name", ("a", "b")),
        ),
        ("https://h.example/main.zip#egg=foo==1.0", Place(UrlSource(SafeUrl("https://h.example/main.zip")))),
        ("git+https://h.example/o/r.git", Place(VcsSource("git", SafeUrl("https://h.example/o/r.git")))),
        (
            "git+https://tok@h.example/o/r.git@feature/x%20y#egg=r&subdirectory=pkg",
            Place(VcsSource("git", SafeUrl("https://tok@h.example/o/r.git"), "feature/x y", "pkg"), "r"),
        ),
        ("git+ssh://git@h.example:22/o/r@v1", Place(VcsSource("git", SafeUrl("ssh://git@h.example:22/o/r"), "v1"))),
        ("git+file:///srv/r.git@main", Place(VcsSource("git", SafeUrl("file:///srv/r.git"), "main"))),
        ("hg+https://h.example/r", Place(VcsSource("hg", SafeUrl("https://h.example/r")))),
        ("file:///srv/a%20b", Place(PathSource("/srv/a b"))),
        ("file:///srv/a[x]", Place(PathSource("/srv/a"), "", ("x",))),
        ("file:../x#egg=x", Place(PathSource("/base/x"), "x")),
        (".", Place(PathSource("/base/dir"))),
        ("./a/../b[Y, x]", Place(PathSource("/base/dir/b"), "", ("x", "y"))),
        ("/srv/foo-1.0-py3-none-any.whl[x]", Place(PathSource("/srv/foo-1.0-py3-none-any.whl"), "foo", ("x",))),
        ("foo-1.0.tar.gz", Place(PathSource("/base/dir/foo-1.0.tar.gz"))),
    ],
)
def test_source_forms(text: str, expected: Place) -> None:
    assert sources.place(text, "/base/dir") == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://", "https:///x.zip", "git+https:///x", "ftp://h/x", "ssh://git@h/x", "git+git@h:o/r", "git@h:o/r.git", "foo+https://h/x",
        "git+https://h/r@", "https://h/x y.zip", "https://h/x.zip#sha256=abc", "https://h/x.zip#subdirectory=../up",
        "https://h/x.zip#subdirectory=/abs", "file://host/x", "https://h/bad.whl", "./bad.whl", "./x[a b]", "", "a\x00b",
        "https://h/x\x1b.zip",
    ],
)  # fmt: skip
def test_source_faults(text: str) -> None:
    with pytest.raises(SourceFault) as caught:
        sources.place(text, "/base")
    assert caught.value.message


@pytest.mark.parametrize("text", ["https://h/x.zip", "./x.whl", "./x-1.0.tar.gz", "file:///x/y.zip"])
def test_archives_cannot_be_editable(text: str) -> None:
    with pytest.raises(SourceFault):
        sources.place(text, "/base", editable=True)


def test_editable_forms() -> None:
    assert sources.place("dir", "/base", editable=True) == Place(PathSource("/base/dir", True))
    found = sources.place("git+https://h/r", "/base", editable=True).source
    assert isinstance(found, VcsSource)
    assert found.editable


def test_relative_path_without_base() -> None:
    with pytest.raises(SourceFault, match="no meaning"):
        sources.place("./x", "")
    assert sources.place("/x", "") == Place(PathSource("/x"))


@pytest.mark.parametrize(
    "text",
    [".", "..", "./x", "../x", "/x", "a/b", "x.whl", "x-1.0.tar.gz", "x.ZIP", "x.zip[extra]", ".[dev]", "./a@b", "~/x"],
)
def test_texts_that_look_like_paths(text: str) -> None:
    assert sources.looks_like_path(text)


@pytest.mark.parametrize("text", ["x", "x[a]", "x==1.0", "x @ ./y", "x@https://h/y.zip", "x.y", "x>=1.0.zip"])
def test_texts_that_do_not_look_like_paths(text: str) -> None:
    assert not sources.looks_like_path(text)


def test_url_schemes() -> None:
    assert sources.scheme_of("HTTPS://x") == "https"
    assert sources.scheme_of("git+ssh://x") == "git+ssh"
    assert sources.scheme_of("file:x") == "file"
    for text in ("foo @ https://x", "foo", "c:/x", "a:b", "foo@https://x", "1a://x", ""):
        assert sources.scheme_of(text) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x @ https://u:secret@h/y ; python_version > '3'", "x @ https://u:****@h/y ; python_version > '3'"),
        ("x@git+https://token@h/y@main", "x@git+https://****@h/y@main"),
        ("git+ssh://git@h/y", "git+ssh://git@h/y"),
        ("x @ https://h/y@z", "x @ https://h/y@z"),
        ("a@b", "a@b"),
    ],
)
def test_credentials_are_masked(text: str, shown: str) -> None:
    assert sources.mask(text) == shown


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("https://me:s3cret@h/x", "https://h/x"),
        ("corp=https://t0ken@h:8/x", "corp=https://h:8/x"),
        ("https://a:b@c@h/x@y https://h2/?q=a@b,http://u:p@h3", "https://h/x@y https://h2/?q=a@b,http://h3"),
        ("nothing@here", "nothing@here"),
        ("", ""),
    ],
)
def test_logins_are_taken_out_of_texts(text: str, bare: str) -> None:
    assert sources.without_logins(text) == bare
