"""Read a page of the documentation as a reader with a terminal does: what is to be written, typed, and seen.

A fence of language `console` is typed: a line that begins with `$ ` is a command of the reader, `# ` one of root, `alice$ ` one
of another user; it goes on after a `\\` at its end or in lines that begin with `> `. The other lines are what is seen; `...`
stands for any lines, or for any text within a line. A fence with a title is a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)(?P<more>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_PROMPT = re.compile(r"^(?:(?P<user>[a-z][a-z0-9-]*)?\$|(?P<root>#)) (?P<command>.+)$")


@dataclass(frozen=True)
class File:
    """A file that the page shows, with the name that it gives it."""

    line: int
    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command that the page shows; `user` is "" for the reader, and `seen` is the output that the page promises."""

    line: int
    user: str
    text: str
    seen: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """Return whether the page shows an error."""
        return any(line.startswith(("error:", "Error:")) for line in self.seen)

    def matches(self, output: str) -> bool:
        """Return whether an output is what the page promises."""
        pattern = "".join(map(_line_pattern, self.seen))
        return not self.seen or re.fullmatch(pattern, output if output.endswith("\n") else output + "\n") is not None


def _line_pattern(line: str) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)*?"
    text = re.escape(line.rstrip()).replace(r"\.\.\.", ".*")
    # times and sizes are those of the machine that the page was written on
    text = re.sub(r"\d+(?:\\\.\d+)?(\\? ?)(ms|s|[KMG]i?B)\b", r"\\d+(?:\\.\\d+)?\1(?:ms|s|[KMG]i?B)", text)
    return text + r" *\n"


def fences(text: str) -> list[tuple[int, str, str, str]]:
    """Return (line, language, what follows it, text) of each fence of a page."""
    found = []
    for match in _FENCE.finditer(text):
        indent = len(match["indent"])
        lines = [line[indent:] for line in match["text"].splitlines()]
        body = "\n".join(lines) + "\n" if lines else ""
        found.append((text.count("\n", 0, match.start()) + 1, match["language"], match["more"].strip(), body))
    return found


def steps(text: str) -> list[File | Command]:
    """Return what a reader of the page does, in order."""
    found: list[File | Command] = []
    for line, language, more, body in fences(text):
        title = re.search(r'title="([^"]+)"', more)
        if title:
            found.append(File(line, language, title[1], body))
        elif language == "console":
            found += _commands(line, body)
    return found


def _commands(start: int, body: str) -> list[Command]:
    found: list[Command] = []
    goes_on = False
    for number, line in enumerate(body.splitlines(), start + 1):
        prompt = _PROMPT.match(line)
        last = found[-1] if found else None
        if last is not None and (goes_on or line.startswith("> ")):
            found[-1] = Command(last.line, last.user, f"{last.text}\n{line.removeprefix('> ')}", last.seen)
            goes_on = line.endswith("\\")
        elif prompt:
            found.append(Command(number, "root" if prompt["root"] else prompt["user"] or "", prompt["command"], ()))
            goes_on = line.endswith("\\")
        elif last is not None:
            found[-1] = Command(last.line, last.user, last.text, (*last.seen, line))
        else:
            raise ValueError(f"line {number}: output without a command")
    return [Command(one.line, one.user, one.text, _trimmed(one.seen)) for one in found]


def _trimmed(seen: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the empty lines that only part one command from the next."""
    end = len(seen)
    while end and not seen[end - 1].strip():
        end -= 1
    return seen[:end]
