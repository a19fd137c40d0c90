"""Records in memory: what the index room keeps in a store, for tests that need no disk."""


class MemoryPages:
    """Keep records by space and key, and count what is asked; `records` may be changed to damage them."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], bytes] = {}
        self.reads: list[tuple[str, str]] = []
        self.writes: list[tuple[str, str]] = []

    def get(self, space: str, key: str) -> bytes | None:
        """Return a record, or None."""
        self.reads.append((space, key))
        return self.records.get((space, key))

    def put(self, space: str, key: str, data: bytes) -> bool:
        """Keep a record."""
        self.writes.append((space, key))
        self.records[space, key] = data
        return True

    def stamp(self, space: str, key: str) -> str:
        """Return what tells this record from what may stand in its place later, "" for none."""
        data = self.records.get((space, key))
        return "" if data is None else f"{id(data):x}-{len(data):x}"

    def keys(self, space: str) -> list[str]:
        """Return the keys of a space."""
        return [key for where, key in self.records if where == space]
