"""What an environment holds: `pip list` and `pip freeze`. Nothing here changes anything.

These two are asked for all the time and need nothing but names: what only their rarer options need (metadata, indexes) is
behind the session.
"""

from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.session import environments
from commonwheel.specs import file_url
from commonwheel.specs import installed as specs_installed
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from commonwheel.model import Environment, Installed
    from commonwheel.session.session import Session


class ListedRow(Value):
    """One installed package; `latest` and `latest_kind` are filled in for `--outdated`."""

    __slots__ = ("editable", "latest", "latest_kind", "name", "version")

    def __init__(self, name: str, version: str, editable: str = "", latest: str = "", latest_kind: str = "") -> None:
        self.name: Final = name
        self.version: Final = version
        self.editable: Final = editable
        self.latest: Final = latest
        self.latest_kind: Final = latest_kind

    def as_json(self) -> dict[str, str]:
        """Return the object of `--format json`, as uv and pip print it."""
        row = {"name": self.name, "version": self.version}
        if self.latest:
            row |= {"latest_version": self.latest, "latest_filetype": self.latest_kind}
        if self.editable:
            row["editable_project_location"] = self.editable
        return row


class Listed(Value):
    """The rows of `pip list`, sorted by name."""

    __slots__ = ("rows",)

    def __init__(self, rows: "tuple[ListedRow, ...]") -> None:
        self.rows: Final = rows


def list_(session: "Session") -> Listed:
    """List what an environment holds; with `--outdated` only what the indexes have newer versions of.

    Raises UsageError for options that exclude each other.
    """
    settings = session.settings
    if settings.flag("only-editable") and settings.flag("exclude-editable"):
        raise UsageError("`--editable` and `--exclude-editable` leave nothing to list", hint="leave one of them out")
    if settings.flag("outdated") and settings.text("format") == "freeze":
        raise UsageError(
            "`--format freeze` has no place for the newer versions that `--outdated` asks for",
            hint="pass `--format columns` or `--format json`",
        )
    environment = session.environment(mutating=False)
    found = shown(session, environment)
    if settings.flag("only-editable"):
        found = [one for one in found if one.editable]
    if settings.flag("not-required"):
        needed = environments.needed(found, environment)
        found = [one for one in found if one.name not in needed]
    if settings.flag("strict"):
        warn_of_problems(session, environment)
    rows = [ListedRow(one.name, one.version, one.editable) for one in found]
    if settings.flag("outdated") or settings.flag("uptodate"):
        outdated = outdated_rows(session, environment, rows)
        behind = {row.name for row in outdated}
        rows = outdated if settings.flag("outdated") else [row for row in rows if row.name not in behind]
    return Listed(tuple(rows))


def freeze(session: "Session") -> "list[str]":
    """List what an environment holds as requirements that bring it back."""
    environment = session.environment(mutating=False)
    if session.settings.flag("strict"):
        warn_of_problems(session, environment)
    return [frozen(session, one) for one in shown(session, environment)]


def frozen(session: "Session", one: "Installed") -> str:
    """Return the requirement that brings an installed distribution back, as pip and uv freeze it."""
    if one.editable:
        return f"-e {file_url.from_path(one.editable)}"
    url = environments.direct_reference(session.reporter, one) if specs_installed.url_of(one.direct_url) else ""
    if url:
        return f"{one.name} @ {url}"
    return f"{one.name}=={one.version}"


def shown(session: "Session", environment: "Environment") -> "list[Installed]":
    """Return what an environment holds, without what the options leave out."""
    settings = session.settings
    plain, own = settings.flag("exclude-editable"), settings.flag("local")
    excluded = {normalize(name) for name in settings.many("exclude")}
    return [
        one
        for one in session.installed(environment)
        if not ((plain and one.editable) or (own and not one.own) or one.name in excluded)
    ]


def warn_of_problems(session: "Session", environment: "Environment") -> None:
    """Warn of what is missing or does not fit, for `--strict`."""
    for sentence in environments.problems(session.installed(environment), environment, session.target(environment)):
        session.reporter.note("warning", sentence)


def outdated_rows(session: "Session", environment: "Environment", rows: "Sequence[ListedRow]") -> "list[ListedRow]":
    """Keep the rows that an index has a newer version of; all pages are asked for at once."""
    wanted = {row.name: row.version for row in rows if not row.editable}
    newer = session.job().outdated(wanted, session.target(environment))
    return [
        ListedRow(row.name, row.version, row.editable, newer[row.name].version, newer[row.name].kind)
        for row in rows
        if row.name in newer and not row.editable
    ]
