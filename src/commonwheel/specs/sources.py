"""Where else than in an index a distribution may be: URLs, paths and repositories, as people write them, to Sources.

`https://host/x.whl#sha256=…`, `file:///dir`, `./dir[extra]`, `git+https://host/repo@rev#egg=name&subdirectory=dir`.
Nothing is looked up: whether a path exists, and is a directory, is asked by who uses it.
"""

from posixpath import isabs, join, normpath

from commonwheel.model import PathSource, SafeUrl, UrlSource, Value, VcsSource
from commonwheel.specs import digests, file_url, wheel_file
from commonwheel.specs.names import is_valid, normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.model import Digest

VCS_KINDS = frozenset(("git", "hg", "svn", "bzr"))
_SCHEME_MARKS = str.maketrans("", "", "+-.")
_NEVER_IN_URLS = frozenset(" \t\"'<>`{}|\\^")
ARCHIVES = (".whl", *wheel_file.SDIST_SUFFIXES, *wheel_file.LEGACY_SDIST_SUFFIXES)


class SourceFault(ValueError):
    """A source is invalid: used inside this package, callers add the line of the requirement."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message: Final = message
        self.hint: Final = hint


class Place(Value):
    """A source together with what its text tells about the distribution: name ("" if nothing) and extras."""

    __slots__ = ("extras", "name", "source")

    def __init__(
        self, source: "UrlSource | VcsSource | PathSource", name: str = "", extras: "tuple[str, ...]" = ()
    ) -> None:
        self.source: Final = source
        self.name: Final = name
        self.extras: Final = extras


def scheme_of(text: str) -> str:
    """Return the scheme (lower case) of a text that begins as a URL does, else "" (so for `name @ https://…`)."""
    scheme, colon, rest = text.partition(":")
    # one letter is a drive
    if not colon or len(scheme) < 2 or not scheme[0].isalpha() or not scheme.translate(_SCHEME_MARKS).isalnum():  # noqa: PLR2004
        return ""
    scheme = scheme.lower()
    return scheme if scheme.isascii() and (rest.startswith("//") or scheme == "file") else ""


def is_place(text: str) -> bool:
    """Return whether a requirement's text begins with a URL or a path instead of a name."""
    return bool(scheme_of(text)) or looks_like_path(text) or _looks_like_repository(text)


def _looks_like_repository(text: str) -> bool:
    """Recognise `git+git@host:path`, which is no URL, so that it can be told what to write."""
    kind, plus, _ = text.partition("+")
    return (plus != "" and kind in VCS_KINDS) or text.startswith("git@")


def looks_like_path(text: str) -> bool:
    """Return whether a text can only be meant as a path: `.`, `./x`, `/x`, `dir/x`, or an archive's file name."""
    if text.startswith((".", "/", "~")):
        return True
    head = text.partition("@")[0]
    if "/" in head:
        return True
    bare = text.partition("[")[0].rstrip().lower()
    return bare.endswith(ARCHIVES) and not any(sign in bare for sign in "=<>!@ ")


def place(text: str, base_directory: str, *, editable: bool = False) -> Place:
    """Read a URL or a path, without marker; raise SourceFault.

    `base_directory` is what relative paths are relative to; "" where they have no meaning.
    """
    scheme = scheme_of(text)
    if "+" in scheme:
        return _repository(scheme, text, editable)
    if scheme == "file":
        return _file_url(text, base_directory, editable)
    if scheme:
        return _archive(scheme, text, editable)
    if _looks_like_repository(text):
        raise SourceFault(
            f"`{mask(text)}` is no URL of a repository",
            "write `git+ssh://git@host/owner/repository.git`, with a slash after the host",
        )
    path, extras = split_extras(text)
    return _path(path, extras, base_directory, {}, editable)


def split_extras(text: str) -> tuple[str, tuple[str, ...]]:
    """Take `[a,b]` off the end of a path; raise SourceFault for what is no list of extras."""
    if not text.endswith("]") or "[" not in text:
        return text, ()
    path, _, inner = text[:-1].rpartition("[")
    return path.rstrip(), extras_of(inner)


def extras_of(inner: str) -> tuple[str, ...]:
    """Return the normalised, sorted extras of the text between brackets; raise SourceFault."""
    if not inner.strip():
        return ()
    extras = [extra.strip(" \t") for extra in inner.split(",")]
    for extra in extras:
        if not is_valid(extra):
            raise SourceFault(f"`{extra}` is not the name of an extra")
    return tuple(sorted({normalize(extra) for extra in extras}))


def mask(text: str) -> str:
    """Return a text with the credentials of every URL in it replaced, for messages and for what is kept as written."""
    if "://" not in text or "@" not in text:
        return text
    words = text.split(" ")
    for index, word in enumerate(words):
        # `name@https://user:word@host`: the URL begins at its scheme
        at = word.find("://")
        if at >= 0:
            start = at
            while start and (word[start - 1].isalnum() or word[start - 1] in "+-."):
                start -= 1
            words[index] = word[:start] + SafeUrl(word[start:]).shown
    return " ".join(words)


def without_logins(text: str) -> str:
    """Return a text, of one or several URLs, without the user and password of any."""
    first, *rest = text.split("://")
    pieces = [first]
    for piece in rest:
        end = next((at for at, character in enumerate(piece) if character in "/?#" or character.isspace()), len(piece))
        pieces.append(piece[:end].rpartition("@")[2] + piece[end:])
    return "://".join(pieces)


# --- the forms -----------------------------------------------------------------------------------------------------


def control_in(text: str) -> str:
    """Return the first character of a text that no URL may hold as it stands because nobody sees it, "" for none."""
    return "" if text.isprintable() else next(character for character in text if not character.isprintable())


def _checked_url(text: str) -> None:
    odd = next((character for character in text if character in _NEVER_IN_URLS or not character.isprintable()), None)
    if odd is not None:
        raise SourceFault(
            f"a URL cannot hold {odd!r}",
            "put a space before the `;` of a marker, and write special characters as percent escapes",
        )


def _fragment(fragment: str) -> dict[str, str]:
    members: dict[str, str] = {}
    for member in fragment.split("&") if fragment else ():
        key, equals, value = member.partition("=")
        if equals:
            members.setdefault(key, file_url.unquote(value))
    return members


def _digests(members: dict[str, str]) -> "tuple[Digest, ...]":
    found = []
    for key, value in members.items():
        if key in digests.LENGTHS:
            digest = digests.make(key, value)
            if digest is None:
                raise SourceFault(f"`{key}={value}` is not a {key} hash")
            found.append(digest)
    return tuple(found)


def _subdirectory(members: dict[str, str]) -> str | None:
    text = members.get("subdirectory")
    if not text:
        return None
    if isabs(text) or ".." in text.split("/"):
        raise SourceFault(f"the subdirectory `{text}` leads out of the source")
    return normpath(text)


def _egg(members: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """Read `#egg=name[extras]`; what is no name (`egg=foo==1.0` was once written) tells nothing."""
    name, bracket, inner = members.get("egg", "").partition("[")
    if not is_valid(name):
        return "", ()
    return normalize(name), extras_of(inner.partition("]")[0]) if bracket else ()


def _repository(scheme: str, text: str, editable: bool) -> Place:
    _checked_url(text)
    kind, _, transport = scheme.partition("+")
    if kind not in VCS_KINDS:
        raise SourceFault(
            f"`{scheme}` is not a known kind of repository", "git, hg, svn and bzr are, as in `git+https://…`"
        )
    url, _, fragment = text.partition("#")
    members = _fragment(fragment)
    authority, slash, path = url.partition("://")[2].partition("/")
    path, at, revision = path.rpartition("@") if "@" in path else (path, "", "")
    if at and not revision:
        raise SourceFault("the revision after `@` is empty", "name a branch, a tag or a commit, or drop the `@`")
    if not authority and transport != "file":
        raise SourceFault("the URL has no host")
    name, extras = _egg(members)
    source = VcsSource(
        kind,
        SafeUrl(f"{transport}://{authority}{slash}{path}"),
        file_url.unquote(revision) if at else None,
        _subdirectory(members),
        editable=editable,
    )
    return Place(source, name, extras)


def _archive(scheme: str, text: str, editable: bool) -> Place:
    _checked_url(text)
    if scheme not in ("http", "https"):
        hint = f"write `git+{scheme}://…` for a repository" if scheme in ("git", "ssh") else None
        raise SourceFault(f"`{scheme}` URLs are not supported", hint)
    if editable:
        raise SourceFault("only a directory or a repository can be editable", "drop `-e`")
    url, _, fragment = text.partition("#")
    authority, _, path = url.partition("://")[2].partition("/")
    if not authority:
        raise SourceFault("the URL has no host")
    members = _fragment(fragment)
    name, extras = _egg(members)
    name = _wheel_name(path.partition("?")[0]) or name
    return Place(UrlSource(SafeUrl(url), _subdirectory(members), _digests(members)), name, extras)


def _wheel_name(path: str) -> str:
    filename = file_url.unquote(path.rpartition("/")[2])
    if not filename.endswith(".whl"):
        return ""
    try:
        return wheel_file.parse_filename(filename).name
    except wheel_file.InvalidWheelName as error:
        raise SourceFault(error.message, error.hint) from error


def _file_url(text: str, base_directory: str, editable: bool) -> Place:
    url, _, fragment = text.partition("#")
    url, extras = split_extras(url)
    path = file_url.to_path(url)
    if path is None:
        raise SourceFault("the `file:` URL names another host", "write `file:///absolute/path`")
    return _path(path, extras, base_directory, _fragment(fragment), editable)


def _path(path: str, extras: tuple[str, ...], base_directory: str, members: dict[str, str], editable: bool) -> Place:
    if not path or "\x00" in path:
        raise SourceFault("the path is empty" if not path else "a path cannot hold a null character")
    if not isabs(path) and not base_directory:
        raise SourceFault(f"the relative path `{path}` has no meaning here", "write an absolute path or a URL")
    whole = normpath(join(base_directory, path))
    if editable and whole.lower().endswith(ARCHIVES):
        raise SourceFault("only a directory or a repository can be editable", "drop `-e`")
    hint, more = _egg(members)
    name = _wheel_name(whole) or hint
    source = PathSource(whole, editable, _subdirectory(members), _digests(members))
    return Place(source, name, tuple(sorted({*extras, *more})))


def file_is_wheel(source: "UrlSource | VcsSource | PathSource") -> bool:
    """Return whether a source is a wheel by its name."""
    if isinstance(source, PathSource):
        return source.path.endswith(".whl")
    return isinstance(source, UrlSource) and source.url.secret.partition("?")[0].endswith(".whl")
