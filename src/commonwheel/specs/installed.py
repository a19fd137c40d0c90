"""What the metadata directory of an installed distribution says (PEP 376, 627, 610; egg-info of setuptools).

Texts in, `model.Installed` out: `python.environment` reads the files. Listing an environment opens no METADATA at all
where the directory's name tells name and version.
"""

from commonwheel.model import Installed
from commonwheel.specs import file_url, headers
from commonwheel.specs.names import is_valid, normalize
from commonwheel.specs.parse_errors import Malformed

DIST_INFO = ".dist-info"
EGG_INFO = ".egg-info"
EGG_LINK = ".egg-link"


class InvalidInstalled(Malformed):
    """A directory claims to be an installed distribution and does not say which."""

    code = "invalid-installed"


def split_directory(basename: str) -> tuple[str, str] | None:
    """Return (normalised name, version as written) that `name-version.dist-info` or `.egg-info` says, else None.

    The version of an egg-info name loses its `-py3.11` and its escapes (`_` stands for `-`). A bare `name.egg-info`, as
    develop installs have it, tells no version: None. So do the leftovers of a crashed pip (`~ame-1.0.dist-info`).
    """
    if basename.endswith(DIST_INFO):
        stem = basename[: -len(DIST_INFO)]
    elif basename.endswith(EGG_INFO):
        stem = basename[: -len(EGG_INFO)]
        head, _, tail = stem.rpartition("-")
        if tail.startswith("py") and tail[2:].replace(".", "").isdigit() and "-" in head:
            stem = head
    else:
        return None
    name, hyphen, version = stem.partition("-")
    if not hyphen or not _is_word(version) or not is_valid(name):
        return None
    return normalize(name), version.replace("_", "-")


def _is_word(version: str) -> bool:
    """Return whether a text may be a version, of whatever age: visible, and without blanks."""
    return version != "" and version.isprintable() and " " not in version


def read(  # noqa: PLR0913 - the files of a dist-info
    location: str,
    *,
    metadata: str | bytes = "",
    installer: str = "",
    requested: bool = False,
    direct_url: str = "",
    form: str = "dist-info",
    site: str = "",
    own: bool = True,
    editable: str = "",
) -> Installed:
    """Build the value from a metadata directory's name and the texts in it; raise InvalidInstalled.

    `metadata` is METADATA, PKG-INFO or the content of an egg-info file; it is needed only where the name of `location` does not
    tell name and version, and wins where both do. `editable` is for egg-links; PEP 660 installs tell it in `direct_url`.
    """
    named = _named(metadata) if metadata else None
    named = named or split_directory(location.rpartition("/")[2])
    if named is None:
        raise InvalidInstalled(
            f"`{location}` does not say which distribution it is",
            issues=("neither its name nor its metadata has a name and a version",),
            hint="remove it if nothing uses it: it may be the rest of an interrupted installation",
        )
    return Installed(
        named[0],
        named[1],
        location,
        form,
        site or location.rpartition("/")[0],
        installer.strip(),
        requested,
        direct_url,
        editable or editable_path(direct_url),
        own,
    )


def _named(metadata: str | bytes) -> tuple[str, str] | None:
    # the two names stand in the first few lines, the description may follow for megabytes
    fields, _ = headers.read(headers.decode(metadata[:8192]) if isinstance(metadata, str) else _head(metadata))
    name = version = ""
    for key, value in fields:
        if key == "name" and not name:
            name = value
        elif key == "version" and not version:
            version = value
    return (normalize(name), version) if is_valid(name) and _is_word(version) else None


def _head(metadata: bytes) -> str:
    return str(metadata[:8192], "utf-8", "replace")


def parse_egg_link(text: str) -> str:
    """Return the path that the first line of an `.egg-link` names (the directory that holds the egg-info), or ""."""
    return headers.lines_of(headers.decode(text))[0].strip()


def editable_path(direct_url: str) -> str:
    """Return the project's path when the text of a `direct_url.json` says that it is an editable install, else "".

    Looks for the two facts without `json`, which costs 9 ms: the file is ours, pip's or uv's, one flat object of PEP 610.
    """
    at = direct_url.find('"editable"')
    if at < 0 or not direct_url[at + 10 :].lstrip().removeprefix(":").lstrip().startswith("true"):
        return ""
    return file_url.to_path(url_of(direct_url)) or ""


def url_of(direct_url: str) -> str:
    """Return the `url` member of the text of a `direct_url.json`, or "" when there is none to be seen."""
    at = direct_url.find('"url"')
    if at < 0:
        return ""
    rest = direct_url[at + 5 :].lstrip().removeprefix(":").lstrip()
    if not rest.startswith('"'):
        return ""
    end = rest.find('"', 1)
    # JSON may write a slash as `\/`; every other escape would be an odd thing to find in a URL, and is percent-encoded there
    return rest[1:end].replace("\\/", "/") if end > 0 else ""
