"""From the body of an answer to the record of a page: parsed, checked against its name, packed.

It is most of the work of a resolution that has nothing to go by, and needs nothing but the bytes: hence a copy of this
process can do it (`pressed`), from the body as it came to the record in the store. Whoever hands it over gets the head.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.index import page_record
from commonwheel.index.index_cache import IndexCache
from commonwheel.index.index_config import Index
from commonwheel.index.page_record import Draft, Page, Provenance
from commonwheel.model import SafeUrl
from commonwheel.net.encoding import IN_MEMORY, is_packed, unpacked
from commonwheel.specs import simple_api
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.index.index_cache import Pages


class IndexPageMismatch(CommonwheelError):
    """An index answered with the page of another project."""

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


def pressed(  # noqa: PLR0913 - what tells a page
    pages: "Pages",
    identity: str,
    shown: str,
    project: str,
    body: bytes,
    encoding: str,
    url: str,
    content_type: str,
    source: tuple[object, ...],
    private: bool,
    keep: bool,
) -> tuple[bytes, bytes | None, bool, tuple[str, ...]]:
    """Make the record of a page, and remember it if it is to be kept.

    Returns its head (with the rows, where they are few), the rows that lie apart unless they can be read from the store,
    whether it was kept, and remarks.
    """
    if is_packed(encoding):
        body = unpacked(body, encoding, IN_MEMORY)
    page = parse(shown, project, body, url, content_type)
    made = press(identity, project, page, Provenance(*source))  # type: ignore[arg-type]
    kept = keep and IndexCache(Index(SafeUrl(identity), private=private), pages).keep(made)
    return (
        page_record.encode_head(made),
        made.rows if page_record.lies_apart(made) and not kept else None,
        kept,
        page.notes,
    )
