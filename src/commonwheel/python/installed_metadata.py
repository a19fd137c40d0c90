"""The metadata of installed distributions, as far as resolution needs it."""

from commonwheel.python.installed import read_metadata
from commonwheel.specs import core_metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.model import Installed, Metadata


def metadata_of(one: "Installed") -> "Metadata | None":
    """Return the metadata of an installed distribution, None when there is none that can be read."""
    try:
        return core_metadata.parse(read_metadata(one))
    except (OSError, core_metadata.InvalidMetadata):
        return None
