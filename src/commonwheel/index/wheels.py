"""METADATA of wheels that lie on this machine.

It stands alone because `zipfile` costs 7 ms, which few commands need that ask an index.
"""

import zipfile

from commonwheel.errors import MetadataUnavailable


def metadata_within(path: str, filename: str) -> bytes:
    """Return METADATA out of a wheel; raise MetadataUnavailable."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1
            ]
            if len(names) != 1:
                raise MetadataUnavailable(f"`{filename}` has {len(names) or 'no'} METADATA files")
            return archive.read(names[0])
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise MetadataUnavailable(f"`{filename}` cannot be read: {error}") from error
