"""Change a pyproject.toml, or the block of a script, and keep everything else as it is: comments, order, spacing. Cold.

Tables are changed by tomlkit. A list of requirements is rewritten as a whole, one element a line with a comma after each, and
its comments stay: those on lines of their own with the element below them, those at the end of a line with the element before.

Laws of this file: text to text; it reads and writes no file.
"""

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from commonwheel.errors import UsageError
from commonwheel.specs import script_block
from commonwheel.specs.names import normalize
from commonwheel.specs.requirement import InvalidRequirement, parse_dependency

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from typing import Any, Final

    Container = MutableMapping[str, Any]

_INDENT = "    "


class CannotEdit(UsageError):
    """A pyproject.toml holds something else where a change has to be made."""

    code = "cannot-edit-project"


class Entry:
    """One element of a list of requirements: its text, the comment lines above it, and the comment behind it."""

    __slots__ = ("above", "behind", "raw", "value")

    def __init__(self, value: "str | None", raw: str, above: "list[str] | None" = None, behind: str = "") -> None:
        #: the string, None for a table such as `{ include-group = "test" }`
        self.value = value
        self.raw = raw
        self.above: Final = above or []
        self.behind = behind

    @property
    def name(self) -> str:
        """Return the name of the project, "" for what is no requirement."""
        if self.value is None:
            return ""
        try:
            return parse_dependency(self.value, None).name
        except InvalidRequirement:
            return ""


class Document:
    """A pyproject.toml, or the metadata of a script, that is being changed. Raises CannotEdit for what is no TOML."""

    def __init__(self, text: str, path: str, *, script: bool = False) -> None:
        self._path = path
        self._script = script
        self._text = text
        toml = text
        if script:
            block = script_block.find_block(text)
            toml = block[0] if block is not None else ""
        try:
            self.document = tomlkit.parse(toml)
        except TOMLKitError as error:
            raise CannotEdit(f"`{path}` is not valid TOML: {error}") from error

    def text(self) -> str:
        """Return the whole file as it is now."""
        toml = tomlkit.dumps(self.document)
        if not self._script:
            return _spaced(toml, self._text)
        return with_block(self._text, toml)

    # --- tables -----------------------------------------------------------------------------------------------------

    def table(self, *names: str) -> "Container":
        """Return a table, made at the end of the file where there is none. Raises CannotEdit for something else."""
        here: Any = self.document
        for at, name in enumerate(names):
            if name not in here:
                made = tomlkit.table(is_super_table=at < len(names) - 1)
                here[name] = made
            here = here[name]
            if not hasattr(here, "keys"):
                raise CannotEdit(f"`{'.'.join(names[: at + 1])}` in `{self._path}` is no table")
        return here  # type: ignore[no-any-return]

    def find(self, *names: str) -> "Any":
        """Return what stands at a dotted path, None for nothing."""
        here: Any = self.document
        for name in names:
            if not hasattr(here, "get") or name not in here:
                return None
            here = here[name]
        return here

    # --- lists of requirements ------------------------------------------------------------------------------------------

    def _place(self, where: "Sequence[str]") -> "Sequence[str]":
        """Return the dotted path under which a file has a list: groups and extras may be spelled in another way."""
        found = self.find(*where[:-1])
        if hasattr(found, "keys"):
            for key in found:
                if normalize(str(key)) == normalize(where[-1]):
                    return (*where[:-1], str(key))
        return where

    def entries(self, where: "Sequence[str]") -> "list[Entry]":
        """Return the elements of a list, none where there is no list."""
        found = self.find(*self._place(where))
        if found is None:
            return []
        if not isinstance(found, Array):
            raise CannotEdit(f"`{'.'.join(where)}` in `{self._path}` is no list")
        return parse_array(found.as_string())

    def set_entries(self, where: "Sequence[str]", entries: "Sequence[Entry]") -> None:
        """Write a list, made where there is none."""
        where = self._place(where)
        old = self.find(*where)
        indent = _indent_of(old.as_string()) if isinstance(old, Array) else _INDENT
        text = array_text(entries, indent)
        parent = self.table(*where[:-1])
        made = tomlkit.parse(f"x = {text}\n")["x"]
        if old is None and hasattr(parent, "add"):
            parent.add(where[-1], made)
        else:
            parent[where[-1]] = made

    def add(
        self, where: "Sequence[str]", name: str, change: "Callable[[str], str]", text: str, marker: str = ""
    ) -> bool:
        """Put a requirement into a list: an entry of its name and marker is changed in place, else it is inserted.

        `change` makes the new text of an entry from the old one. It is inserted where the list is sorted, else at the end.
        Return whether it is new.
        """
        entries = self.entries(where)
        same = [one for one in entries if one.name == name and (not marker or _marker_of(one) == marker)]
        if len(same) == 1 or (same and not marker):
            for one in same:
                assert one.value is not None
                one.value = change(one.value)
                one.raw = quoted(one.value)
            self.set_entries(where, entries)
            return False
        made = Entry(text, quoted(text))
        texts = [(at, _sort_key(one.value)) for at, one in enumerate(entries) if one.value is not None]
        keys = [key for _, key in texts]
        at = texts[-1][0] + 1 if texts else len(entries)  # tables such as includes stay behind
        if keys == sorted(keys):
            at = next((place for place, key in texts if key > _sort_key(text)), at)
        entries.insert(at, made)
        self.set_entries(where, entries)
        return True

    def remove(self, where: "Sequence[str]", name: str) -> int:
        """Take every requirement on a project out of a list; return how many there were."""
        entries = self.entries(where)
        kept = [one for one in entries if one.name != name]
        if len(kept) != len(entries):
            self.set_entries(where, kept)
        return len(entries) - len(kept)

    def lists(self) -> "dict[tuple[str, ...], list[Entry]]":
        """Return every list of requirements of the file, by its dotted path."""
        found: dict[tuple[str, ...], list[Entry]] = {}
        places: list[tuple[str, ...]] = [("dependencies",)] if self._script else [("project", "dependencies")]
        if not self._script:
            for parent in (("project", "optional-dependencies"), ("dependency-groups",)):
                table = self.find(*parent)
                places += [(*parent, str(key)) for key in table] if hasattr(table, "keys") else []
            places.append(("tool", "uv", "dev-dependencies"))
        for where in places:
            if isinstance(self.find(*where), Array):
                found[where] = self.entries(where)
        return found

    # --- sources, indexes, members ------------------------------------------------------------------------------------------

    def tool(self) -> str:
        """Return whose table says where packages come from: that of cw where it has sources already, else uv's."""
        return "cw" if self.find("tool", "cw", "sources") is not None else "uv"

    def set_source(self, name: str, source: "Mapping[str, object] | None") -> None:
        """Write where a package comes from, or remove that (None)."""
        where = ("tool", self.tool(), "sources")
        table = self.find(*where)
        known = next((str(key) for key in table or () if normalize(str(key)) == name), None)
        if source is None:
            if table is not None and known is not None:
                del table[known]
                if not table:
                    self._drop(where)
            return
        pairs = ", ".join(f"{key} = {_value(value)}" for key, value in source.items())
        self.table(*where)[known or name] = tomlkit.parse(f"x = {{ {pairs} }}\n")["x"]

    def sources(self) -> "Mapping[str, object]":
        """Return where packages come from, by normalized name."""
        table = self.find("tool", self.tool(), "sources")
        return {normalize(str(key)): table[key] for key in table or ()}

    def _drop(self, where: "Sequence[str]") -> None:
        """Delete an empty table, and those around it that are empty then."""
        for size in range(len(where), 0, -1):
            parent = self.find(*where[: size - 1]) if size > 1 else self.document
            here = self.find(*where[:size])
            if parent is None or here is None or len(here):
                return
            del parent[where[size - 1]]

    def add_index(self, url: str, name: str = "") -> None:
        """Name an index, unless it is named already."""
        tool = self.table("tool", self.tool())
        known = tool.get("index")
        if known is not None and any(one.get("url") == url for one in known):
            return
        made = tomlkit.table()
        if name:
            made["name"] = name
        made["url"] = url
        if known is None:
            several = tomlkit.aot()
            several.append(made)
            tool["index"] = several
        else:
            known.append(made)

    def add_member(self, path: str) -> None:
        """Add a directory to the members of the workspace."""
        workspace = self.table("tool", self._workspace_tool(), "workspace")
        members = workspace.get("members")
        entries = parse_array(members.as_string()) if isinstance(members, Array) else []
        if all(one.value != path for one in entries):
            entries.append(Entry(path, quoted(path)))
            made = tomlkit.parse(f"x = {array_text(entries, _INDENT)}\n")["x"]
            workspace["members"] = made

    def _workspace_tool(self) -> str:
        return "cw" if self.find("tool", "cw", "workspace") is not None else "uv"

    def set_version(self, version: str) -> None:
        """Set the version of the project."""
        self.table("project")["version"] = version


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else quoted(str(value))


def _spaced(text: str, before: str) -> str:
    """Return a text with one empty line before each header of a table that is new in it."""
    known = before.splitlines()
    old = {(known[at - 1].strip() if at else "", line) for at, line in enumerate(known) if _is_header(line)}
    lines = text.splitlines(keepends=True)
    out: list[str] = []
    for line in lines:
        if _is_header(line) and out:
            above = out[-1].strip()
            if above and not above.startswith("#") and (above, line.rstrip("\r\n")) not in old:
                out.append("\n")
            while len(out) > 1 and not out[-1].strip() and not out[-2].strip() and "\n\n\n" not in before:
                out.pop()
        out.append(line)
    whole = "".join(out)
    return whole if before.endswith("\n\n") else f"{whole.rstrip()}\n"


def _is_header(line: str) -> bool:
    inner = line.partition("#")[0].strip()
    return line.startswith("[") and inner.endswith("]") and not set(inner) & set(",{}=")


def _marker_of(entry: Entry) -> str:
    return "" if entry.value is None else parse_dependency(entry.value, None).marker


def _sort_key(text: str) -> str:
    try:
        return parse_dependency(text, None).name
    except InvalidRequirement:
        return text.lower()


# --- lists as text ---------------------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """Return a TOML string, basic unless it holds quotes."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_array(text: str) -> "list[Entry]":
    """Take the text of a TOML array of strings and tables apart."""
    found: list[Entry] = []
    above: list[str] = []
    at = 1
    fresh = False  # nothing but blanks since the last line end
    while at < len(text):
        letter = text[at]
        if letter in " \t,":
            at += 1
        elif letter in "\r\n":
            fresh = True
            at += 1
        elif letter == "#":
            end = text.find("\n", at)
            comment = text[at : end if end >= 0 else len(text)].rstrip()
            if fresh or not found:
                above.append(comment)
            else:
                found[-1].behind = comment
            at += len(text[at : end if end >= 0 else len(text)])
        elif letter == "]":
            break
        else:
            end = _end_of_value(text, at)
            raw = text[at:end]
            value = tomlkit.parse(f"x = {raw}\n")["x"]
            found.append(Entry(str(value) if isinstance(value, str) else None, raw, above))
            above, fresh = [], False
            at = end
    if above:
        found.append(Entry(None, "", above))
    return found


def _end_of_value(text: str, start: int) -> int:
    """Return where a value of an array ends."""
    depth, at = 0, start
    while at < len(text):
        letter = text[at]
        if letter in "\"'":
            mark = letter * 3 if text.startswith(letter * 3, at) else letter
            at += len(mark)
            while not text.startswith(mark, at):
                at += 2 if text[at] == "\\" and letter == '"' else 1
            at += len(mark)
            if not depth:
                return at
            continue
        if letter in "{[":
            depth += 1
        elif letter in "}]":
            if not depth:
                return at
            depth -= 1
            if not depth:
                return at + 1
        elif not depth and letter in ", \t\r\n#":
            return at
        at += 1
    return at


def array_text(entries: "Sequence[Entry]", indent: str) -> str:
    """Return a TOML array with one element a line."""
    if not entries:
        return "[]"
    lines = []
    for one in entries:
        lines += [f"{indent}{comment}\n" for comment in one.above]
        if one.raw:
            behind = f" {one.behind}" if one.behind else ""
            lines.append(f"{indent}{one.raw},{behind}\n")
    return f"[\n{''.join(lines)}]"


def _indent_of(text: str) -> str:
    """Return how the elements of an array are indented."""
    for line in text.splitlines()[1:]:
        stripped = line.lstrip(" \t")
        if stripped and not stripped.startswith("]"):
            return line[: len(line) - len(stripped)] or _INDENT
    return _INDENT


# --- scripts ------------------------------------------------------------------------------------------------------------------------


def with_block(text: str, toml: str) -> str:
    """Return a script whose block of metadata (PEP 723) is `toml`; a new one stands at the top, after a `#!` line."""
    block = "".join(f"# {line}\n" if line else "#\n" for line in toml.rstrip("\n").split("\n"))
    whole = f"# /// script\n{block}# ///\n"
    found = script_block.find_block(text)
    lines = text.splitlines(keepends=True)
    if found is None:
        head = 1 if lines and lines[0].startswith("#!") else 0
        start = "".join(lines[:head])
        rest = "".join(lines[head:])
        gap = "#\n" if head else ""
        return f"{start}{gap}{whole}{chr(10) if rest.strip() and not rest.startswith(chr(10)) else ''}{rest}"
    first = found[1] - 1
    last = first + 1 + found[0].count("\n")
    return "".join(lines[:first]) + whole + "".join(lines[last + 1 :])
