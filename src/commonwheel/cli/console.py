"""THE ONLY FILE THAT PRINTS.

Laws of this file: results go to stdout, everything else to stderr, so that a pipe gets data and nothing but data.
Colour never carries meaning. A closed pipe is not an error. It formats values; it decides nothing. What others
wrote reaches no terminal as a control: only styles that are made here do.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonwheel.errors import CommonwheelError

# C0, DEL and C1 but for tabs and line ends, line separators, and what turns the direction of writing (UAX 9)
_CONTROLS = (
    *range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
)  # fmt: skip
# as Python writes them; its codec `unicode_escape` would be one more module to load
_SHOWN = {code: f"\\u{code:04x}" if code >> 8 else f"\\x{code:02x}" for code in _CONTROLS} | {0x0D: "\\r"}
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Console:
    """Write results, remarks and errors, as loudly as the user wants.

    `quiet` is 0, 1 (no remarks) or 2 (no errors either); `verbose` counts; `color` is `auto`, `always` or `never`.
    """

    def __init__(self, quiet: int = 0, verbose: int = 0, color: str = "auto") -> None:
        self.adjust(quiet, verbose, color)

    def adjust(self, quiet: int, verbose: int, color: str) -> None:
        """Take over what the settings say, once they are known."""
        self.quiet = quiet
        self.verbose = verbose
        # what stands for the beginning of a style until it is written: nobody else can guess it
        self._mark = f"\x1b{os.urandom(8).hex()}["
        self._on_error = _colorful(color, sys.stderr)
        self._on_out = _colorful(color, sys.stdout)

    @property
    def color(self) -> bool:
        """Return whether remarks are coloured."""
        return self._on_error

    def style(self, text: str, *names: str, out: bool = False) -> str:
        """Return the text in a style, or as it is where colour is off; `out` for text that goes to stdout."""
        if not (self._on_out if out else self._on_error) or not text:
            return text
        return f"{self._mark}{';'.join(_STYLES[name] for name in names)}m{text}{self._mark}0m"

    def out(self, text: str) -> None:
        """Write a line of the result to stdout."""
        self._write(sys.stdout, text + "\n")

    def lines(self, lines: "Iterable[str]") -> None:
        """Write lines of the result to stdout in one piece."""
        text = "\n".join([_one_line(line) for line in lines])
        if text:
            self._write(sys.stdout, text + "\n")

    def data(self, text: str) -> None:
        """Write what programs read, in ASCII: JSON escapes controls by itself, but for one."""
        _write(sys.stdout, text.replace("\x7f", "\\u007f"))

    def raw(self, text: str) -> None:
        """Write a result that has its own line ends."""
        self._write(sys.stdout, text)

    def say(self, text: str) -> None:
        """Write a remark to stderr, unless quiet."""
        if not self.quiet:
            self._write(sys.stderr, text + "\n")

    def detail(self, text: str) -> None:
        """Write a remark that only -v shows."""
        if self.verbose and not self.quiet:
            self._write(sys.stderr, self.style("debug: ", "dim") + text + "\n")

    def warning(self, text: str) -> None:
        """Write a warning, unless quiet."""
        if not self.quiet:
            self._write(sys.stderr, f"{self.style('warning:', 'yellow', 'bold')} {_one_line(text)}\n")

    def error(self, error: "CommonwheelError") -> None:
        """Write an error: message, context, hint; unless quiet twice."""
        if self.quiet > 1:
            return
        lines = [f"{self.style('error:', 'red', 'bold')} {_one_line(error.message)}"]
        lines += [f"  {line}".rstrip() for text in error.context for line in text.split("\n")]
        if error.hint:
            lines += ["", f"{self.style('hint:', 'cyan', 'bold')} {error.hint}"]
        self._write(sys.stderr, "\n".join(lines) + "\n")

    def trouble(self, text: str) -> None:
        """Write a line that even -q shows."""
        if self.quiet < 2:  # noqa: PLR2004 - `-qq`
            self._write(sys.stderr, text + "\n")

    def _write(self, stream: object, text: str) -> None:
        """Write text with the styles that were made here, and everything else as characters that can be seen."""
        first, *styled = text.split(self._mark)
        pieces = [plain(first)]
        for piece in styled:
            codes, _, rest = piece.partition("m")
            pieces += ("\x1b[", codes, "m", plain(rest))
        _write(stream, "".join(pieces))


def plain(text: str) -> str:
    """Return a text with its controls as escapes that one can read; tabs and line ends stay."""
    return text.translate(_SHOWN)


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n") if "\n" in text else text


def _colorful(color: str, stream: object) -> bool:
    """Decide about colour: the option, then NO_COLOR over FORCE_COLOR, then whether anybody looks."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty() and os.environ.get("TERM") != "dumb")


def _write(stream: object, text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(text)  # type: ignore[attr-defined]
        stream.flush()  # type: ignore[attr-defined]
    except UnicodeEncodeError:
        # A C locale cannot show every name; a question mark is better than a traceback.
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "replace").decode(encoding))  # type: ignore[attr-defined]
    except BrokenPipeError:
        # Whoever read us has seen enough: `cw pip list | head -1` is no failure. The interpreter's own flush at
        # exit must not find the broken pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[attr-defined]
