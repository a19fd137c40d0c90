"""direct_url.json (PEP 610): where an installed distribution came from, when it was not an index.

Written and read without `json`, since freezing and planning do it on the warm path; any JSON is understood, the tests
hold the reader against `json`. Credentials are never written, except for the account of an ssh URL, which is none.
"""

from commonwheel.model import Digest, PathSource, SafeUrl, UrlSource, VcsSource
from commonwheel.specs import digests, file_url, sources
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Source = UrlSource | VcsSource | PathSource
    Json = dict[str, "Json"] | list["Json"] | str | float | bool | None

FILE_NAME = "direct_url.json"
_BLANK = " \t\r\n"
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS = {"true": True, "false": False, "null": None}
_DEEPEST = 50


class InvalidDirectUrl(Malformed):
    """A direct_url.json cannot be understood."""

    code = "invalid-direct-url"


# --- writing -------------------------------------------------------------------------------------------------------


def write(source: "Source", hashes: "Iterable[Digest]" = ()) -> str:
    """Return the text of the file for a source; `hashes` are those of an archive, beside what the source demands."""
    members: list[tuple[str, str]] = []
    if isinstance(source, VcsSource):
        info = [("vcs", source.kind), ("requested_revision", source.revision), ("commit_id", source.commit)]
        members.append(("vcs_info", _object((key, _string(value)) for key, value in info if value)))
        url = public(source.url)
    elif isinstance(source, PathSource) and not is_archive(source.path):
        members.append(("dir_info", '{"editable": true}' if source.editable else "{}"))
        url = file_url.from_path(source.path)
    else:
        found = {one.algorithm: one.hex for one in (*source.digests, *hashes)}
        inner = _object((algorithm, _string(found[algorithm])) for algorithm in sorted(found))
        members.append(("archive_info", _object([("hashes", inner)]) if found else "{}"))
        url = file_url.from_path(source.path) if isinstance(source, PathSource) else public(source.url)
    if source.subdirectory:
        members.append(("subdirectory", _string(source.subdirectory)))
    members.append(("url", _string(url)))
    return _object(members)


def is_archive(path: str) -> bool:
    """Return whether a path is that of a wheel or an sdist and not of a directory, by its name."""
    return path.lower().endswith(sources.ARCHIVES)


def public(url: SafeUrl) -> str:
    """Return a URL without credentials, but with the account of an ssh URL: PEP 610 demands the one and allows the other."""
    scheme, _, rest = url.secret.partition("://")
    userinfo = rest.partition("/")[0].rpartition("@")[0]
    return url.secret if scheme.endswith("ssh") and ":" not in userinfo else url.bare


def _object(members: "Iterable[tuple[str, str]]") -> str:
    return "{" + ", ".join([f"{_string(key)}: {value}" for key, value in members]) + "}"


def _string(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    pieces = []
    for character in text:
        if character in '"\\':
            pieces.append("\\" + character)
        elif " " <= character <= "~":
            pieces.append(character)
        else:
            unit = character.encode("utf-16-be", "surrogatepass").hex()
            pieces.extend(f"\\u{unit[at : at + 4]}" for at in range(0, len(unit), 4))
    return '"' + "".join(pieces) + '"'


# --- reading -------------------------------------------------------------------------------------------------------


def read(text: str) -> "Source":
    """Return the source that the file tells; raise InvalidDirectUrl."""
    document = load(text)
    url = document.get("url") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(url, str) or not url:
        raise InvalidDirectUrl("the direct_url.json has no `url`", issues=(text[:200],))
    if sources.control_in(url) or " " in url:
        raise InvalidDirectUrl("the direct_url.json has a `url` with blanks or controls in it", issues=(url[:200],))
    subdirectory = _text(document, "subdirectory") or None
    vcs, directory, archive = (document.get(key) for key in ("vcs_info", "dir_info", "archive_info"))
    if isinstance(vcs, dict):
        revision, commit = _text(vcs, "requested_revision") or None, _text(vcs, "commit_id") or None
        return VcsSource(_text(vcs, "vcs"), SafeUrl(url), revision, subdirectory, commit)
    path = file_url.to_path(url)
    if isinstance(directory, dict):
        if path is None:
            raise InvalidDirectUrl(f"the direct_url.json names the directory `{url}`, which is no path")
        return PathSource(path, directory.get("editable") is True, subdirectory)
    found = _hashes(archive) if isinstance(archive, dict) else ()
    return (
        UrlSource(SafeUrl(url), subdirectory, found) if path is None else PathSource(path, False, subdirectory, found)
    )


def _text(members: "dict[str, Json]", key: str) -> str:
    value = members.get(key)
    if not isinstance(value, str):
        return ""
    if sources.control_in(value):
        raise InvalidDirectUrl(f"the direct_url.json has a `{key}` with controls in it", issues=(value[:200],))
    return value


def _hashes(archive: "dict[str, Json]") -> tuple[Digest, ...]:
    hashes = archive.get("hashes")
    texts = [f"{k}:{v}" for k, v in hashes.items() if isinstance(v, str)] if isinstance(hashes, dict) else []
    # the form before `hashes` existed: one, as `sha256=…`
    texts = texts or [_text(archive, "hash")]
    return tuple(digest for digest in map(digests.parse, texts) if digest is not None)


def reference(name: str, source: "Source") -> str:
    """Return the line that asks for a source again, as `pip freeze` prints it."""
    place = url_of(source)
    return f"-e {place}" if isinstance(source, PathSource) and source.editable else f"{name} @ {place}"


def requirement_url(text: str) -> str:
    """Return what stands behind `name @` to ask again for what a direct_url.json tells; raise InvalidDirectUrl."""
    return url_of(read(text))


def place_of(source: "Source") -> str:
    """Return the absolute path or the URL that a source names, without credentials, revision, hash and subdirectory."""
    return source.path.rstrip("/") if isinstance(source, PathSource) else public(source.url).partition("#")[0]


def origin_of(text: str) -> str:
    """Return the same for the text of a direct_url.json, "" where there is none that can be read."""
    try:
        return place_of(read(text)) if text else ""
    except InvalidDirectUrl:
        return ""


def url_of(source: "Source") -> str:
    """Return a source as one URL, revision, hash and subdirectory in it, without credentials."""
    fragments = []
    if isinstance(source, VcsSource):
        revision = source.commit or source.revision
        url = f"{source.kind}+{public(source.url)}" + (f"@{file_url.quote(revision)}" if revision else "")
    else:
        url = file_url.from_path(source.path) if isinstance(source, PathSource) else public(source.url)
        digest = digests.strongest(source.digests)
        fragments = [f"{digest.algorithm}={digest.hex}"] if digest is not None else []
    if source.subdirectory:
        fragments.append(f"subdirectory={source.subdirectory}")
    return url + (f"#{'&'.join(fragments)}" if fragments else "")


# --- JSON ----------------------------------------------------------------------------------------------------------


def load(text: str) -> "Json":
    """Parse JSON (RFC 8259), every number as a float. Raises InvalidDirectUrl."""
    value, at = _value(text, _skip(text, 0), 0)
    if _skip(text, at) != len(text):
        raise _bad(text, at)
    return value


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _bad(text: str, at: int) -> InvalidDirectUrl:
    return InvalidDirectUrl(f"the direct_url.json is not valid JSON at character {at}", issues=(text[:200],))


def _value(text: str, at: int, depth: int) -> "tuple[Json, int]":
    character = text[at : at + 1]
    if depth > _DEEPEST:
        raise _bad(text, at)
    if character == '"':
        return _text_at(text, at)
    if character == "{":
        return _members(text, at, depth)
    if character == "[":
        return _items(text, at, depth)
    for word, value in _LITERALS.items():
        if text.startswith(word, at):
            return value, at + len(word)
    return _number(text, at)


def _number(text: str, at: int) -> tuple[float, int]:
    end = at
    while end < len(text) and text[end] in "+-.0123456789eE":
        end += 1
    number = text[at:end]
    whole, dot, fraction = number.lower().partition("e")[0].removeprefix("-").partition(".")
    # `float` is more liberal than JSON
    if not whole.isdigit() or (whole[0] == "0" and whole != "0") or (dot and not fraction.isdigit()):
        raise _bad(text, at)
    try:
        return float(number), end
    except ValueError as error:
        raise _bad(text, at) from error


def _members(text: str, at: int, depth: int) -> "tuple[dict[str, Json], int]":
    members: dict[str, Json] = {}
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key, at = _text_at(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise _bad(text, at)
        members[key], at = _value(text, _skip(text, at + 1), depth + 1)
        at = _next(text, at, "}")
    return members, at + 1


def _items(text: str, at: int, depth: int) -> "tuple[list[Json], int]":
    items: list[Json] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        value, at = _value(text, at, depth + 1)
        items.append(value)
        at = _next(text, at, "]")
    return items, at + 1


def _next(text: str, at: int, end: str) -> int:
    """Go over a comma to the next member, or stay at the end."""
    at = _skip(text, at)
    if text[at : at + 1] == end:
        return at
    following = _skip(text, at + 1)
    if text[at : at + 1] != "," or text[following : following + 1] == end:
        raise _bad(text, at)
    return following


def _text_at(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        raise _bad(text, at)
    pieces: list[str] = []
    start = at = at + 1
    while True:
        character = text[at : at + 1]
        if not character or character < " ":
            raise _bad(text, at)
        if character == '"':
            pieces.append(text[start:at])
            return _paired("".join(pieces)), at + 1
        if character == "\\":
            pieces.append(text[start:at])
            escaped, at = _escape(text, at + 1)
            pieces.append(escaped)
            start = at
        else:
            at += 1


def _escape(text: str, at: int) -> tuple[str, int]:
    letter = text[at : at + 1]
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 1
    digits = text[at + 1 : at + 5]
    if letter != "u" or len(digits) != 4 or digits.strip("0123456789abcdefABCDEF"):  # noqa: PLR2004 - \uXXXX
        raise _bad(text, at)
    return chr(int(digits, 16)), at + 5


def _paired(text: str) -> str:
    """Join the halves of characters beyond the basic plane, which JSON escapes one by one."""
    if any("\ud800" <= character <= "\udbff" for character in text):
        return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
    return text
