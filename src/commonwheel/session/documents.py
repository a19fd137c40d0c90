"""Read files of requirements, whatever they are written in: each format is loaded when a file of it is met."""

import os

from commonwheel.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from commonwheel.model import Candidate, Pin, Target
    from commonwheel.net.client import Client
    from commonwheel.specs.pylock import Lock
    from commonwheel.specs.pyproject import Project
    from commonwheel.specs.script_block import Script


class Texts:
    """Read files and URLs, with the `client` for a URL; `stamps` are those of what was read, "" for what has none, or means more."""

    def __init__(self, client: "Callable[[str], Client]") -> None:
        self._client = client
        self.stamps: dict[str, str] = {}

    def read(self, place: str) -> bytes | str:
        """Return the content of a file, or of a URL; raises OSError or NetworkError."""
        if place.startswith(("http://", "https://")):
            from commonwheel.model import SafeUrl

            self.stamps[place] = ""
            response = self._client(place).get(SafeUrl(place)).result()
            if response.status != 200:  # noqa: PLR2004 - HTTP
                raise UsageError(f"`{SafeUrl(place)}` cannot be read: the server answers {response.status}")
            return response.body
        from commonwheel.fs import facts

        with open(place, "rb") as stream:
            found = os.fstat(stream.fileno())
            data = stream.read()
        self.stamps[place] = "" if b"${" in data else facts.stamp(found)
        return data

    def project(self, path: str) -> "Project":
        """Return what a pyproject.toml says; raises UsageError when it cannot be read."""
        from commonwheel.sources import projects

        self.stamps[path] = ""
        return projects.read(path)

    def script(self, name: str, path: str) -> "Script | None":
        """Return the block of a script (PEP 723), None where it has none; `path` is where a `name` that is no URL lies."""
        from commonwheel.specs import script_block

        return script_block.read(self._named(name, path), name, base_directory=os.path.dirname(path))

    def lock(self, name: str, path: str) -> "Lock":
        """Return a lock (PEP 751); `path` is where a `name` that is no URL lies."""
        from commonwheel.specs import pylock

        return pylock.read(self._named(name, path), name, os.path.dirname(path))

    def _named(self, name: str, path: str) -> str:
        try:
            data = self.read(name if name.startswith(("http:", "https:")) else path)
        except OSError as error:
            raise UsageError(f"`{name}` cannot be read: {error.strerror}", hint="check the path") from error
        return data.decode("utf-8", "replace") if isinstance(data, bytes) else data


def pins_of(
    lock: "Lock",
    target: "Target",
    extras: "Sequence[str]",
    groups: "Sequence[str]",
    formats: "tuple[frozenset[str], frozenset[str]]",
) -> "tuple[Pin, ...]":
    """Return the pins of a lock for a target; `formats` are who comes without wheels, and who without source distributions."""
    from commonwheel.specs import pylock

    no_wheels, no_sdists = formats
    return pylock.select(
        lock, target, extras=extras, groups=groups or None, prefer_sdist=no_wheels, forbid_sdist=no_sdists
    )


def lock_versions(text: str, name: str, directory: str) -> "Mapping[str, str]":
    """Return the versions that the text of a lock (PEP 751) holds, by name."""
    from commonwheel.specs import pylock

    return pylock.read(text, name, directory).versions


def lock_text(
    packages: "Iterable[tuple[Pin, tuple[Candidate, ...]]]", base_directory: str, requires_python: str
) -> str:
    """Return the text of a lock (PEP 751) of pins with their files."""
    from commonwheel.specs import pylock

    locked = [pylock.Locked(pin, files) for pin, files in packages]
    return pylock.write(locked, base_directory=base_directory, requires_python=requires_python, created_by="cw")
