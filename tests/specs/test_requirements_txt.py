from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pip._internal.req import req_file as pip_files

from commonwheel.model import Digest, Origin, PathSource, SafeUrl, UrlSource
from commonwheel.specs import requirements_txt
from commonwheel.specs.requirement import InvalidRequirement
from commonwheel.specs.requirements_txt import InvalidRequirementsFile, RequirementsFile

A, B = "a" * 64, "b" * 64


def parse(
    text: bytes | str,
    files: Mapping[str, bytes | str] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    constraint: bool = False,
    base: str = "/p",
) -> RequirementsFile:
    def read(path: str) -> bytes | str:
        if files is None or path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return files[path]

    return requirements_txt.parse(
        text, name="reqs.txt", base=base, read=read, environ=environ or {}, constraint=constraint
    )


def asked(text: bytes | str, files: Mapping[str, bytes | str] | None = None) -> list[str]:
    return [str(r) for r in parse(text, files).requirements]


# --- lines ---------------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.text(alphabet="ab#\\ \n=", max_size=30))
def test_logical_lines_match_pip(text: str) -> None:
    ours = list(requirements_txt.logical_lines(text))
    # pip strips backslashes off the beginning of a continued line, too, which nobody can want
    assume(not any(line.startswith("\\") and line.strip("\\") for line in text.split("\n")))
    theirs = list(pip_files.ignore_comments(pip_files.join_lines(enumerate(text.split("\n"), 1))))
    assert ours == theirs


@given(st.text(alphabet="${}AB_a1 ", max_size=16))
def test_variable_expansion_matches_pip(text: str) -> None:
    environ = {"A": "x@y", "B_1": "z", "AB": ""}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("A", "B", "_", "1", "AB", "BA", "A1", "B1", "B_1", "A_", "AA", "BB", "__", "11"):
            patch.delenv(name, raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        expected = [line for _, line in pip_files.expand_env_variables([(1, text)])]
    assert [requirements_txt.expand(text, environ)[0]] == expected


def test_line_continuation_anywhere() -> None:
    text = (
        "flask \\\n  ==1.0 \\\n  --hash=sha256:" + A + " \\\n  --hash sha256:" + B + " # why\nnu\\\nmpy\r\nx[a,\\\nb]\n"
    )
    found = parse(text)
    assert [str(r) for r in found.requirements] == ["flask==1.0", "numpy", "x[a,b]"]
    assert found.requirements[0].digests == (Digest("sha256", A), Digest("sha256", B))
    assert [r.origin for r in found.requirements] == [Origin("reqs.txt", n) for n in (1, 5, 7)]


def test_comments() -> None:
    assert asked("# all\n  # indented\n./a#b\nb # c\\\nd\n\nc\t# e") == [
        "./a#b",
        "b",
        "c",
    ]  # as in pip, a comment goes on, too
    assert asked("a \\\n# comment ends it \\\nb\n") == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-8"])
def test_encodings(encoding: str) -> None:
    mark = "\ufeff" if encoding.endswith(("le", "be")) else ""
    assert asked(f"{mark}# é\nflask\n".encode(encoding)) == ["flask"]


def test_declared_encoding() -> None:
    found = parse("#!x\n# -*- coding: latin-1 -*-\n./é\n".encode("latin-1"))
    assert found.requirements[0].source == PathSource("/p/é")


@pytest.mark.parametrize(
    "data",
    ["# é\n".encode("latin-1"), b"PK\x03\x04\x00\x00", "a".encode("utf-16-le"), b"# coding: nonsense\na", b"\xff\xfea"],
)
def test_undecodable_file_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequirementsFile, match=r"reqs\.txt"):
        parse(data)


# --- options -------------------------------------------------------------------------------------------------------


def test_options_and_their_origins() -> None:
    found = parse(
        "-i https://u:p@one.example/simple\n--index-url=https://two.example/simple\n--extra-index-url \\\n  https://three.example\n"
        "-f wheels\n--find-links https://four.example/x.html\n--no-index\n--pre --prefer-binary\n--trusted-host h:80\n"
        "--no-binary :all:,Foo_Bar\n--only-binary=x,\n--require-hashes\n--use-feature fast-deps\n--pypi-url https://five.example\n"
    )
    assert [(o.name, o.value, o.origin.line) for o in found.options] == [
        ("index-url", "https://u:****@one.example/simple", 1), ("index-url", "https://two.example/simple", 2),
        ("extra-index-url", "https://three.example", 3), ("find-links", "/p/wheels", 5), ("find-links", "https://four.example/x.html", 6),
        ("no-index", "", 7), ("pre", "", 8), ("prefer-binary", "", 8), ("trusted-host", "h:80", 9), ("no-binary", ":all:", 10),
        ("no-binary", "foo-bar", 10), ("only-binary", "x", 11), ("require-hashes", "", 12), ("use-feature", "fast-deps", 13),
        ("index-url", "https://five.example", 14),
    ]  # fmt: skip
    first = found.every("index-url")[0]
    assert first.url == SafeUrl("https://u:p@one.example/simple")
    assert "u:p@" not in repr(found)
    last = found.last("index-url")
    assert last is not None
    assert last.value == "https://five.example"
    assert found.last("no-such") is None


WORDS = st.sampled_from(
    ["--hash", "--hash=sha256:" + A, "sha256:" + B, "-f", "-fx", "--find-links", "=", "'q r'", '"s', "t\\ u", "--pre", "-i", "https://h.example",
     "--index-url", "--no-ind", "--unknown", "-x", "--trusted-host=h", "''"],
)  # fmt: skip


def by_pip(line: str) -> tuple[str, dict[str, object]] | None:
    try:
        args, options = pip_files.get_line_parser(None)(line)
    except pip_files.OptionParsingError:
        return None
    names = ("index_url", "find_links", "trusted_hosts", "hashes", "pre", "no_index", "features_enabled")
    return args, {name: value for name in names if (value := getattr(options, name))}


def by_us(line: str) -> tuple[str, dict[str, object]] | None:
    try:
        found = parse(line)
    except (InvalidRequirement, InvalidRequirementsFile):
        return None
    values: dict[str, object] = {}
    for name, ours in (
        ("index_url", "index-url"),
        ("find_links", "find-links"),
        ("trusted_hosts", "trusted-host"),
        ("features_enabled", "use-feature"),
    ):
        options = found.every(ours)
        if options:
            every = [o.value.removeprefix("/p/") for o in options]
            values[name] = every[-1] if name == "index_url" else every
    for name, ours in (("pre", "pre"), ("no_index", "no-index")):
        if found.every(ours):
            values[name] = True
    hashes: dict[str, list[str]] = {}
    for digest in found.requirements[0].digests if found.requirements else ():
        hashes.setdefault(digest.algorithm, []).append(digest.hex)
    if hashes:
        values["hashes"] = hashes
    return (str(found.requirements[0]) if found.requirements else ""), values


@settings(max_examples=400)
@given(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), st.sampled_from(["", "foo "]))
def test_options_match_pip(options: str, head: str) -> None:
    theirs, ours = by_pip(head + options), by_us(head + options)
    if ours is None:
        # stricter on purpose: options of files on the lines of requirements, words that pip drops, values that are no hash
        return
    assert theirs is not None
    if not theirs[0]:
        theirs[1].pop("hashes", None)  # pip ignores them there too, later
    assume("''" not in options)  # an empty place is the file's own directory for us
    assert ours == theirs


@pytest.mark.parametrize(
    "line",
    [
        "--unknown", "--use-pep517", "-x", "--no", "--", "-", "-r", "--hash", "foo --hash", "foo --hash=md4:abc", "foo --hash=sha256:abc", "--pre=yes",
        "foo --index-url https://h.example", "-r a b", "-i 'https://h.example", "foo -e .", "-e . -e .", "foo --config-settings novalue",
        "--process-dependency-links", "--global-option=x foo",
    ],
)  # fmt: skip
def test_invalid_option_error_shows_the_line(line: str) -> None:
    with pytest.raises(InvalidRequirementsFile) as caught:
        parse(f"\n{line}\n", {"/p/a": ""})
    assert caught.value.exit_status == 2
    assert "reqs.txt:2" in caught.value.message
    assert caught.value.context[0] == line


def test_build_settings() -> None:
    found = parse("foo --config-settings=a=b -C 'c=d e' \\\n --config-setting --x=--y\n-e . --config-settings k=\n")
    assert [(r.name, key, value) for r, key, value in found.config_settings] == [
        ("foo", "a", "b"), ("foo", "c", "d e"), ("foo", "--x", "--y"), ("", "k", ""),
    ]  # fmt: skip


def test_unattached_hashes_are_noted() -> None:
    found = parse(f"--hash=sha256:{A}\nfoo\n")
    assert "ignored" in found.notes[0]
    assert found.requirements[0].digests == ()


# --- requirements --------------------------------------------------------------------------------------------------


def test_editables_and_paths() -> None:
    found = parse(
        "-e .\n--editable=sub/dir[x] ; python_version > '3'\n-e 'quoted dir'\n-e foo @ ./x y\n./a b\nx-1.0.tar.gz\n-e git+https://h.example/r@v#egg=r\n"
    )
    assert [r.source for r in found.requirements[:4]] == [
        PathSource("/p", True), PathSource("/p/sub/dir", True), PathSource("/p/quoted dir", True), PathSource("/p/x y", True),
    ]  # fmt: skip
    assert found.requirements[1].marker == "python_version > '3'"
    assert found.requirements[4].source == PathSource("/p/a b")
    assert found.requirements[5].source == PathSource("/p/x-1.0.tar.gz")
    assert found.requirements[6].name == "r"


def test_variables() -> None:
    found = parse(
        "foo @ https://${USER}:${TOKEN}@h.example/x.zip\n-i https://${TOKEN}@h.example\nbar==${V}\n",
        environ={"USER": "u", "TOKEN": "p@ss", "V": "1.0"},
    )
    assert found.requirements[0].source == UrlSource(SafeUrl("https://u:p@ss@h.example/x.zip"))
    assert found.requirements[1].specifier == "==1.0"
    assert "p@ss" not in repr(found)


def test_unset_variable_is_named() -> None:
    with pytest.raises(InvalidRequirement) as caught:
        parse("foo @ https://h.example/${NO_SUCH}/x.zip\n")
    assert "not set in the environment: `NO_SUCH`" in caught.value.context


def test_one_fault_is_raised_as_is_and_several_together() -> None:
    with pytest.raises(InvalidRequirement, match=r"reqs\.txt:2"):
        parse("a\nb=1\n")
    with pytest.raises(InvalidRequirementsFile, match="3 lines") as caught:
        parse("b=1\n--nope\nok\nc ==\n")
    for number in (1, 2, 4):
        assert any(f"reqs.txt:{number}" in issue for issue in caught.value.issues)


# --- includes ------------------------------------------------------------------------------------------------------


def test_includes_are_relative_to_their_file() -> None:
    files = {
        "/p/sub/a.txt": "-r ../b.txt\n./dir\n-f links\n-c c.txt\n",
        "/p/b.txt": "b\n",
        "/p/sub/c.txt": "c<2\n-r d.txt\n",
        "/p/sub/d.txt": "d<3\n",
    }
    found = parse("x\n--requirement=sub/a.txt\n", files)
    assert [str(r) for r in found.requirements] == ["x", "b", "./dir"]
    assert found.requirements[2].source == PathSource("/p/sub/dir")
    assert [str(r) for r in found.constraints] == ["c<2", "d<3"]
    assert [str(r.origin) for r in (*found.requirements, *found.constraints)] == [
        "reqs.txt:1", "b.txt:1", "sub/a.txt:2", "sub/c.txt:1", "sub/d.txt:1",
    ]  # fmt: skip
    assert found.every("find-links")[0].value == "/p/sub/links"
    assert found.files == ("/p/reqs.txt", "/p/sub/a.txt", "/p/b.txt", "/p/sub/c.txt", "/p/sub/d.txt")


def test_url_includes_are_relative_to_their_url() -> None:
    files = {
        "https://u:p@h.example/d/a.txt?x=1": "-r ../b.txt\n-r /c.txt\n-f links\n",
        "https://u:p@h.example/b.txt": "b\n",
        "https://u:p@h.example/c.txt": "c\n",
        "/abs/d e.txt": "d\n",
    }
    found = parse("-r https://u:p@h.example/d/a.txt?x=1\n-r file:///abs/d%20e.txt\n-r '/abs/d e.txt'\n", files)
    assert [r.name for r in found.requirements] == ["b", "c", "d"]
    assert str(found.requirements[0].origin) == "https://u:****@h.example/b.txt:1"
    assert found.every("find-links")[0].url == SafeUrl("https://u:p@h.example/d/links")
    with pytest.raises(InvalidRequirement, match="no meaning"):
        parse("./x\n", base="https://h.example/a.txt")


def test_repeated_include_is_read_once_and_circle_is_refused() -> None:
    assert asked("-r a\n-r a\n-r b\n", {"/p/a": "a", "/p/b": "-r a\nb"}) == ["a", "b"]
    with pytest.raises(InvalidRequirementsFile) as caught:
        parse("-r a\n", {"/p/a": "x\n-r ./b", "/p/b": "-c a"})
    assert "reqs.txt → a → b → a" in caught.value.message
    assert "b:1" in caught.value.message
    with pytest.raises(InvalidRequirementsFile, match="includes itself"):
        parse("-r reqs.txt\n", {"/p/reqs.txt": ""})


def test_unreadable_include_error_names_the_including_line() -> None:
    with pytest.raises(InvalidRequirementsFile) as caught:
        parse("a\n-r missing.txt\n")
    assert "cannot read `missing.txt` (No such file or directory), included at reqs.txt:2" in caught.value.message


@pytest.mark.parametrize("name", ["pyproject.toml", "pylock.toml", "x/setup.cfg", "setup.py", "script.py"])
def test_non_requirements_file_is_not_included(name: str) -> None:
    with pytest.raises(InvalidRequirementsFile) as caught:
        parse(f"-r {name}\n", {f"/p/{name}": ""})
    assert name in str(caught.value.hint)


def test_constraints() -> None:
    found = parse("a<2\n--pre\n-r b\n", {"/p/b": "b<3"}, constraint=True)
    assert found.requirements == ()
    assert [str(r) for r in found.constraints] == ["a<2", "b<3"]
    for text in ("-e .", "./x", "https://h.example/x.zip", "-e foo @ ./x"):
        with pytest.raises(InvalidRequirementsFile, match="constraint cannot be"):
            parse(text, constraint=True)


NAMES = st.sampled_from(["foo", "bar-baz", "x[a,b]"])
SPECIFIERS = st.sampled_from(["", "==1.0", ">=1,<2", "~=1.4.2"])
MARKERS = st.sampled_from(["", "python_version > '3'", 'sys_platform == "linux" and extra == "x"'])
HASHES = st.lists(st.sampled_from([A, B]), max_size=2)


@given(
    st.lists(
        st.tuples(NAMES, SPECIFIERS, MARKERS, HASHES, st.sampled_from(["\n", "\r\n", " # c\n"]), st.booleans()),
        max_size=5,
    )
)
def test_round_trip(lines: list[tuple[str, str, str, list[str], str, bool]]) -> None:
    text = ""
    for name, specifier, marker, hashes, end, broken in lines:
        line = f"{name} {specifier}{f' ; {marker}' if marker else ''}"
        line += "".join(f"{'   ' + chr(92) + chr(10) + '    ' if broken else ' '}--hash=sha256:{h}" for h in hashes)
        text += line + end
    found = parse(text.encode()).requirements
    assert [(r.specifier, r.marker, [d.hex for d in r.digests]) for r in found] == [
        (s, m, h) for _, s, m, h, _, _ in lines
    ]


@given(st.text(alphabet="-ercifxp =\"'\\\n#${}A./@:h", max_size=20))
def test_any_text_parses_or_raises_one_error(text: str) -> None:
    try:
        parse(text, {})
    except (InvalidRequirement, InvalidRequirementsFile) as error:
        assert error.exit_status == 2  # noqa: PT017 - both ways are fine, nothing else is
