r"""Files of variables, as `.env` files are written: `NAME=value`, quotes, `export`, comments, `${NAME}`.

Within single quotes everything stands for itself; within double quotes and without any, `${NAME}`, `${NAME:-default}` and `$NAME` are
replaced, and in double quotes `\n`, `\t`, `\"`, `\\` and `\$` mean what they mean in a shell. Quoted values may have several lines.
"""

from commonwheel.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$", "'": "'"}


class InvalidEnvFile(UsageError):
    """A file of variables cannot be read; the message names file and line."""

    code = "invalid-env-file"


def read(text: str, path: str, environ: "Mapping[str, str]") -> "dict[str, str]":
    """Return the variables of a file; `environ` is what `${NAME}` may mean beside earlier lines. Raises InvalidEnvFile."""
    found: dict[str, str] = {}
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line, first = lines[at].rstrip("\r"), at + 1
        at += 1
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.removeprefix("export ").lstrip().partition("=")
        name = name.rstrip()
        if not equals or not name.replace("_", "a").replace(".", "a").isalnum() or name[0].isdigit():
            raise InvalidEnvFile(f"`{path}`, line {first}: `{stripped}` is not `NAME=value`")
        value = value.lstrip()
        quote = value[:1]
        if quote in ("'", '"'):
            while _end(value, quote) < 0:
                if at == len(lines):
                    raise InvalidEnvFile(f"`{path}`, line {first}: the quote is never closed")
                value += "\n" + lines[at].rstrip("\r")
                at += 1
            value = value[1 : _end(value, quote)]
        else:
            value = value.partition(" #")[0].rstrip()
        found[name] = value if quote == "'" else _expanded(value, {**found, **environ}, escapes=quote == '"')
    return found


def _end(value: str, quote: str) -> int:
    """Return where the closing quote is, -1 if there is none."""
    at = 1
    while at < len(value):
        if quote == '"' and value[at] == "\\":
            at += 2
            continue
        if value[at] == quote:
            return at
        at += 1
    return -1


def _expanded(value: str, known: "Mapping[str, str]", *, escapes: bool) -> str:
    out, at = "", 0
    while at < len(value):
        letter = value[at]
        if letter == "\\" and escapes and value[at + 1 : at + 2] in _ESCAPES:
            out += _ESCAPES[value[at + 1]]
            at += 2
        elif letter == "$" and value[at + 1 : at + 2] == "{" and "}" in value[at:]:
            inner = value[at + 2 : value.index("}", at)]
            name, colon, default = inner.partition(":-")
            out += known.get(name) or (default if colon else "")
            at = value.index("}", at) + 1
        elif letter == "$" and (value[at + 1 : at + 2].isalpha() or value[at + 1 : at + 2] == "_"):
            end = at + 1
            while end < len(value) and (value[end].isalnum() or value[end] == "_"):
                end += 1
            out += known.get(value[at + 1 : end], "")
            at = end
        else:
            out += letter
            at += 1
    return out
