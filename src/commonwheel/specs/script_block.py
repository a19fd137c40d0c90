"""Metadata inside a script (PEP 723): the block `# /// script`. Cold, since the block is TOML."""

from commonwheel.model import Origin, Requirement, Value
from commonwheel.specs import legacy_specifiers, toml, versions
from commonwheel.specs.headers import lines_of
from commonwheel.specs.parse_errors import Malformed
from commonwheel.specs.requirement import InvalidRequirement, parse_dependency

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

_OPEN = "# /// "
_CLOSE = "# ///"


class InvalidScript(Malformed):
    """The metadata block of a script is invalid."""

    code = "invalid-script-metadata"
    exit_status = 2


class Script(Value):
    """What a script asks for; `tools` is the raw `[tool]` table, `line` the number of the line that opens the block."""

    __slots__ = ("dependencies", "line", "requires_python", "tools")

    def __init__(
        self,
        dependencies: tuple[Requirement, ...] = (),
        requires_python: str = "",
        tools: "Mapping[str, object] | None" = None,
        line: int = 0,
    ) -> None:
        self.dependencies: Final = dependencies
        self.requires_python: Final = requires_python
        self.tools: Final[Mapping[str, object]] = tools or {}
        self.line: Final = line


def find_block(text: str, kind: str = "script") -> tuple[str, int] | None:
    """Return the TOML text of a block and the number of its opening line, or None; raise InvalidScript for two of one kind.

    A block ends at the last `# ///` before a line that is no comment, so TOML may hold such a line in a string.
    """
    found: tuple[str, int] | None = None
    lines = lines_of(text.removeprefix("\ufeff"))
    number = 0
    over = end = -1  # of the run of comments that was looked at last: its end, and its last closing line
    while number < len(lines):
        if not _opens(lines[number]):
            number += 1
            continue
        if number >= over:
            over, end = _run(lines, number + 1)
        if end <= number + 1:  # never closed, or nothing in it: an ordinary comment
            number += 1
            continue
        if lines[number][len(_OPEN) :] == kind:
            if found is not None:
                raise InvalidScript(
                    f"there are two blocks `{_OPEN}{kind}`", issues=(f"in lines {found[1]} and {number + 1}",)
                )
            content = [line[2:] if line.startswith("# ") else line[1:] for line in lines[number + 1 : end]]
            found = "\n".join(content) + "\n", number + 1
        number = end + 1
    return found


def _run(lines: list[str], start: int) -> tuple[int, int]:
    """Return where the comments from `start` on end, and the last closing line among them (-1 for none)."""
    end = -1
    for at in range(start, len(lines)):
        if lines[at] != "#" and not lines[at].startswith("# "):
            return at, end
        if lines[at] == _CLOSE:
            end = at
    return len(lines), end


def _opens(line: str) -> bool:
    kind = line[len(_OPEN) :]
    return line.startswith(_OPEN) and kind.replace("-", "").isalnum() and kind.isascii()


def read(text: str, path: str, *, base_directory: str = "") -> Script | None:
    """Read the metadata of a script, None when it has no block; raise InvalidScript with every fault."""
    block = find_block(text)
    if block is None:
        return None
    text_of_block, line = block
    try:
        document = toml.loads(text_of_block)
    except toml.InvalidToml as error:
        raise InvalidScript(f"the metadata block of `{path}` (line {line}) is not valid TOML: {error}") from error
    issues: list[str] = []
    dependencies = _dependencies(document.get("dependencies", []), path, base_directory, issues)
    requires_python = document.get("requires-python", "")
    if not isinstance(requires_python, str) or not versions.is_specifier(requires_python):
        issues.append(f"requires-python: `{requires_python}` is not a version specifier")
    tools = document.get("tool", {})
    if not isinstance(tools, dict):
        issues.append("tool: a table is expected")
    if issues:
        raise InvalidScript(f"the metadata block of `{path}` (line {line}) is not valid", issues=issues)
    return Script(dependencies, legacy_specifiers.specifier(requires_python) or "", tools, line)


def _dependencies(value: object, path: str, base_directory: str, issues: list[str]) -> tuple[Requirement, ...]:
    if not isinstance(value, list):
        issues.append("dependencies: a list of strings is expected")
        return ()
    found = []
    for index, text in enumerate(value):
        if not isinstance(text, str):
            issues.append(f"dependencies[{index}]: a string is expected")
            continue
        try:
            origin = Origin(f"{path} (dependencies[{index}])")
            found.append(parse_dependency(text, origin, base_directory=base_directory))
        except InvalidRequirement as error:
            issues.extend((f"dependencies[{index}]: {error.what}", *(f"  {line}" for line in error.context)))
    return tuple(found)
