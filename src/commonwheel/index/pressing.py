"""From the body of an answer to the record of a page: parsed, checked against its name, packed.

It is most of the work of a resolution that has nothing to go by, and needs nothing but the bytes: hence a copy of this
process can do it (`pressed`), and whoever hands it over gets the record.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.index import packed
from commonwheel.index.packed import Draft, Page, Provenance
from commonwheel.specs import simple_api
from commonwheel.specs.names import normalize


class IndexPageMismatch(CommonwheelError):
    """Say that an index answered with the page of another project."""

    code = "index-page-mismatch"
    exit_status = 2


def parse(shown: str, project: str, body: bytes, url: str, content_type: str) -> simple_api.ProjectPage:
    """Parse what the index that is `shown` answered for a project; "" for a page of links. Raises IndexPageMismatch."""
    page = simple_api.parse(body, url, content_type)
    if project and page.name and normalize(page.name) != project:
        raise IndexPageMismatch(
            f"`{shown}` answered with the page of `{page.name}` when it was asked for `{project}`",
            hint="tell whoever runs the index; a file of another project must not be installed under this name",
        )
    return page


def press(identity: str, project: str, page: simple_api.ProjectPage, source: Provenance) -> Page:
    """Pack a page that came from the index of this identity."""
    draft = Draft(identity, project)
    draft.extend(page.files)
    status = "" if page.status == "active" else page.status
    return draft.finish(source.replaced(status=status, reason=page.reason))


def pressed(
    identity: str, shown: str, project: str, body: bytes, url: str, content_type: str, source: tuple[object, ...]
) -> tuple[bytes, bytes | None, tuple[str, ...]]:
    """Return the record of a page, its rows if they lie apart, and remarks."""
    page = parse(shown, project, body, url, content_type)
    made = press(identity, project, page, Provenance(*source))  # type: ignore[arg-type]
    return packed.encode_head(made), made.rows if packed.lies_apart(made) else None, page.notes
