"""What an index says of a project (the simple repository API): PEP 691 JSON and PEP 503 HTML to one lean value. Cold.

A page may have 15,000 files, hence rows that are plain tuples; a warm start reads none of this but what the index room
has derived from it. `tracks` and `alternate-locations` (PEP 708, rejected) are not looked at.
"""

import json
from datetime import datetime

from commonwheel.model import Value
from commonwheel.specs import simple_html, urls
from commonwheel.specs.numbers import whole
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    # file name, URL, Requires-Python, yanked (None or reason), size, uploaded (seconds), digests, metadata, provenance URL
    Row = tuple[str, str, str, str | None, int | None, float | None, str, str, str]

NEWEST = (1, 4)
STATUSES = frozenset(("active", "archived", "quarantined", "deprecated"))
_HOUR = 13


class InvalidIndexPage(Malformed):
    """What an index answered is no page of a project."""

    code = "invalid-index-page"
    exit_status = 2


class UnsupportedIndexVersion(InvalidIndexPage):
    """An index speaks a later major version of the API (PEP 629)."""

    code = "unsupported-index-version"


class ProjectPage(Value):
    """All files of a project at one index.

    `files` are rows: file name, absolute URL without fragment, Requires-Python ("" for none), yanked (None, or the reason,
    perhaps ""), size and upload time in seconds (None if not said), digests (`sha256:…`, several between commas), metadata ("" if
    there is no such file, `-` if there is one without a hash, else `sha256:…`), URL of the provenance (""). A row that has no
    usable file name is left out and counted in `skipped`. `status` is that of PEP 792; `versions` may be empty (HTML, old indexes).
    """

    __slots__ = ("api_version", "files", "name", "notes", "reason", "skipped", "status", "versions")

    def __init__(
        self,
        name: str,
        files: "Sequence[Row]",
        status: str = "active",
        reason: str = "",
        versions: tuple[str, ...] = (),
        api_version: tuple[int, int] = (1, 0),
        skipped: int = 0,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.name: Final = name
        self.files: Final = files
        self.status: Final = status
        self.reason: Final = reason
        self.versions: Final = versions
        self.api_version: Final = api_version
        self.skipped: Final = skipped
        self.notes: Final = notes


def parse(data: bytes | str, url: str, content_type: str = "") -> ProjectPage:
    """Parse the answer of an index; `url` is where it came from in the end, for relative links.

    The content type decides, and where there is none (a file, a careless server) the first character. Raises InvalidIndexPage.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json") or (not kind.endswith("html") and data.lstrip()[:1] in ("{", b"{")):
        return parse_json(data, url)
    return parse_html(data, url)


# --- JSON ----------------------------------------------------------------------------------------------------------


def parse_json(data: bytes | str, url: str) -> ProjectPage:
    """Parse PEP 691 JSON; raise InvalidIndexPage."""
    try:
        page = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _no_page(url, f"it is not JSON ({error})") from error
    if not isinstance(page, dict):
        raise _no_page(url, "it is no JSON object")
    files = page.get("files")
    if not isinstance(files, list):
        raise _no_page(url, "it has no list `files`")
    meta = page.get("meta")
    api_version, notes = _api_version(meta.get("api-version") if isinstance(meta, dict) else None, url)
    status, reason = _status(page.get("project-status"))
    versions = page.get("versions")
    rows = _rows(files, url)
    return ProjectPage(
        name if isinstance(name := page.get("name"), str) else "",
        rows,
        status,
        reason,
        tuple(v for v in versions if isinstance(v, str)) if isinstance(versions, list) else (),
        api_version,
        len(files) - len(rows),
        notes,
    )


def _rows(files: "list[object]", base: str) -> "list[Row]":
    rows: list[Row] = []
    hours: dict[str, float] = {}
    heads: dict[str, str] = {}
    for file in files:
        try:
            row = _row(file, base, hours, heads)  # type: ignore[arg-type]  # what is no object is caught below, once a page
        except (AttributeError, TypeError, ValueError, KeyError):
            continue
        if row is not None:
            rows.append(row)
    return rows


def _row(file: "dict[str, object]", base: str, hours: dict[str, float], heads: dict[str, str]) -> "Row | None":
    """Read one file: 3 us, so nothing is checked here that costs more than it protects from."""
    get = file.get
    filename, url = file["filename"], file["url"]
    if not isinstance(filename, str) or not isinstance(url, str) or not _is_file_name(filename):
        return None
    if not url.isprintable():
        return None
    if url[:8] != "https://" or "#" in url:
        url = _absolute(url.partition("#")[0], base, heads)
        if _leaves_the_network(url, base):
            return None
    hashes = get("hashes")
    metadata = get("core-metadata")
    if metadata is None:  # the name that PEP 658 had, and PEP 714 replaced
        metadata = get("dist-info-metadata")
    requires_python, size, yanked = get("requires-python"), get("size"), get("yanked")
    uploaded, provenance = get("upload-time"), get("provenance")
    return (
        filename,
        url,
        requires_python if isinstance(requires_python, str) else "",
        yanked if isinstance(yanked, str) else ("" if yanked else None),
        size if type(size) is int and size >= 0 else None,
        _seconds(uploaded, hours) if isinstance(uploaded, str) else None,
        _digests(hashes) if hashes else "",
        (_digests(metadata) or "-") if metadata else "",
        provenance if isinstance(provenance, str) else "",
    )


def _absolute(url: str, base: str, heads: dict[str, str]) -> str:
    """Return the address that a link on a page means; all files of a project often lie in one directory, which is remembered."""
    at = url.rfind("/") + 1
    if not at or "?" in url or at == len(url) or url.endswith(("/.", "/..")):
        return urls.join(base, url)
    head = heads.get(url[:at])
    if head is None:
        head = heads[url[:at]] = urls.join(base, url[:at])
    return head + url[at:]


def _leaves_the_network(url: str, base: str) -> bool:
    """Return whether a page of the network links to what its author cannot know: files of this machine, and other schemes."""
    return base[:5].lower() != "file:" and url[:7].lower() != "http://" and url[:8].lower() != "https://"


def _is_file_name(text: str) -> bool:
    return bool(text) and "/" not in text and "\\" not in text and text.isprintable() and text[0] != "."


def _digests(hashes: object) -> str:
    if not isinstance(hashes, dict):
        return ""
    if len(hashes) == 1:
        ((algorithm, value),) = hashes.items()
        return f"{algorithm}:{value}".lower() if isinstance(value, str) and value else ""
    return ",".join(f"{a}:{v}".lower() for a, v in sorted(hashes.items()) if isinstance(v, str) and v)


def _seconds(text: str, hours: dict[str, float]) -> float | None:
    """Return an upload time (`2024-05-06T07:08:09.123456Z`, PEP 700) as seconds since the epoch, None when it is none.

    Files of a release come within minutes, so the hour is remembered; `datetime` for each would take twice as long.
    """
    hour = text[:_HOUR]
    try:
        start = hours.get(hour)
        if start is None:
            start = hours[hour] = datetime.fromisoformat(hour + ":00+00:00").timestamp()
        if text[-1] == "Z" and text[13] == text[16] == ":":
            return start + int(text[14:16]) * 60 + float(text[17:-1])
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo else datetime.fromisoformat(text + "+00:00").timestamp()
    except (ValueError, IndexError, OverflowError):
        return None


def _status(value: object) -> tuple[str, str]:
    """Read PEP 792; an unknown status counts as none, since the PEP allows new ones."""
    if isinstance(value, dict):
        status, reason = value.get("status"), value.get("reason")
        if isinstance(status, str) and status in STATUSES:
            return status, reason if isinstance(reason, str) else ""
    return "active", ""


def _api_version(value: object, url: str) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Check the version of the API (PEP 629); an index that says none speaks the first."""
    if value is None:
        return (1, 0), ()
    first, _, second = str(value).partition(".")
    major, minor = whole(first), whole(second)
    if major is None or minor is None:
        raise _no_page(url, f"it has the API version `{str(value)[:40]}`, which is no version")
    version = major, minor
    if version[0] > NEWEST[0]:
        raise UnsupportedIndexVersion(
            f"the index speaks version {value} of the simple API, and version 1 is what is understood",
            context=(f"it answered at {url}",),
            hint="upgrade Commonwheel, or use another index",
        )
    if version > NEWEST:
        newest = ".".join(map(str, NEWEST))
        return version, (f"the index speaks version {value} of the simple API, later than the known {newest}",)
    return version, ()


# --- HTML ----------------------------------------------------------------------------------------------------------


def parse_html(data: bytes | str, url: str) -> ProjectPage:
    """Parse PEP 503 HTML, or any page of links; anchors that lead to no file are left out. Raises InvalidIndexPage."""
    text = data if isinstance(data, str) else str(data, "utf-8", "replace")
    if text.strip() and not simple_html.looks_like_html(text):
        raise _no_page(url, "it is no HTML")
    rows: list[Row] = []
    skipped = 0
    base, first_base = url, True
    meta: dict[str, str] = {}
    for tag, attributes in simple_html.tags(text):
        if tag == "a":
            row = _anchor(attributes, base, url)
            if row is None:
                skipped += 1
            else:
                rows.append(row)
        elif tag == "meta":
            meta[attributes.get("name", "").lower()] = attributes.get("content", "")
        elif first_base and attributes.get("href", "\0").strip().isprintable():
            base, first_base = urls.join(url, attributes["href"].strip()), False
    api_version, notes = _api_version(meta.get("pypi:repository-version"), url)
    status, reason = _status(
        {"status": meta.get("pypi:project-status"), "reason": meta.get("pypi:project-status-reason")}
    )
    return ProjectPage("", rows, status, reason, (), api_version, skipped, notes)


def _anchor(attributes: dict[str, str], base: str, page: str) -> "Row | None":
    href = attributes.get("href", "").strip()
    url, _, fragment = href.partition("#")
    filename = simple_html.file_name(url)
    if not _is_file_name(filename) or "." not in filename or not url.isprintable():
        return None
    url = urls.join(base, url)
    if _leaves_the_network(url, page):
        return None
    yanked = attributes.get("data-yanked")
    metadata = attributes.get("data-core-metadata")
    if metadata is None:
        metadata = attributes.get("data-dist-info-metadata")
    digests = [member.replace("=", ":", 1).lower() for member in fragment.split("&") if _is_hash(member)]
    return (
        filename,
        url,
        attributes.get("data-requires-python", ""),
        yanked,
        None,
        None,
        ",".join(digests),
        _html_metadata(metadata),
        attributes.get("data-provenance", ""),
    )


def _html_metadata(value: str | None) -> str:
    if value is None or value.lower() == "false":
        return ""
    return value.replace("=", ":", 1).lower() if _is_hash(value) else "-"


def _is_hash(member: str) -> bool:
    algorithm, equals, value = member.partition("=")
    # an `egg=` or `subdirectory=` is none
    return bool(equals and value) and algorithm not in ("egg", "subdirectory") and value.isalnum()


def _no_page(url: str, why: str) -> InvalidIndexPage:
    return InvalidIndexPage(
        f"the answer of the index is no project page: {why}",
        context=(f"it came from {url}",),
        hint="check the URL of the index: it is the one that project names are appended to",
    )
