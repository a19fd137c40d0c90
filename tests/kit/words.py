"""Words that do not belong into texts of this project, and where they stand.

Read are all strings and comments of the source and the tools, docstrings, comments and test names of the tests, and the pages.

    .venv/bin/python tests/kit/words.py [PATH PREFIX]     list every place, with what to write instead
    .venv/bin/python tests/kit/words.py --write           write the present counts to tests/words.toml
"""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COUNTS = ROOT / "tests" / "words.toml"
LONGEST_NAME = 60

#: A pattern of whole words, and what to write instead. A word that is alone in backticks is a name of the code.
WORDS = {
    r"whoever|whomever": "name them: the user, the caller, another process",
    r"somebody(?: else)?": "another user, another process",
    r"anew": "again",
    r"(?:in )?vain": "say what failed",
    r"believe[sd]?|believing": "trust, accept",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"he|his|him|himself|she|hers?|herself": "they, their",
    r"(?:can|cannot|could|to) be had": "be fetched, be found",
    r"(?<!on )demand(?:s|ed|ing)?": "require",
    r"sad cases?": "escape hatch",
    r"in a blink": "instantly",
    r"at hand": "available, in the cache",
    r"obituar(?:y|ies)": "an error for what is left",
    # one spelling: American
    r"(?:mis)?behaviours?": "behavior",
    r"colou(?:rs?|red|ring|rless)": "color",
    r"favou(?:rs?|red|rite|rites)": "favor",
    r"honou(?:rs?|red)": "honor",
    r"neighbours?": "neighbor",
    r"(?:normal|recogn|organ|initial|serial|minim|maxim|special|optim|synchron|summar|categor)is(?:e[sd]?|ing|ations?)": "-ize",
    r"licence[sd]?": "license",
    r"centre[sd]?": "center",
    r"grey": "gray",
    r"whilst": "while",
    r"artefacts?": "artifact",
}
_ANY = re.compile(
    "|".join(f"(?P<w{at}>(?<!`)\\b(?:{pattern})\\b(?!`))" for at, pattern in enumerate(WORDS)), re.IGNORECASE
)
_ADVICE = list(WORDS.values())
#: How a docstring must not open: it is imperative, about what the code does.
_OPENING = re.compile(r"(?:Say|Tell)\b")
_FSTRING = getattr(tokenize, "FSTRING_MIDDLE", None)  # Python 3.12 and newer


class Place(NamedTuple):
    """Where a word stands."""

    path: str
    line: int
    word: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: `{self.word}`: {self.advice}"


def room(path: str) -> str:
    """Return what a file is counted with: its room in the source or the tests, or its top directory."""
    parts = path.split("/")
    if parts[0] == "src":
        return "/".join(parts[:3]).removesuffix(".py")
    if parts[0] == "tests":
        return "/".join(parts[:2]).removesuffix(".py")
    return parts[0]


def words_of(text: str, path: str, first_line: int = 1) -> Iterator[Place]:
    """Find the words in a text that begins at a line of a file."""
    for found in _ANY.finditer(text):
        line = first_line + text.count("\n", 0, found.start())
        assert found.lastgroup is not None
        yield Place(path, line, " ".join(found[0].split()), _ADVICE[int(found.lastgroup[1:])])


def places_in_python(source: str, path: str, *, strings: bool) -> Iterator[Place]:
    """Find the words in a Python file: in comments, docstrings and names of tests; in all strings if asked for."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (strings and token.type in (tokenize.STRING, _FSTRING)):
            yield from words_of(token.string, path, token.start[0])
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node, clean=False)
        if docstring is not None:
            line = node.body[0].lineno
            if not strings:
                yield from words_of(docstring, path, line)
            opening = _OPENING.match(docstring)
            if opening is not None:
                yield Place(path, line, opening[0], "open with what the code does: Return, Check, Raise")
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield from words_of(node.name.replace("_", " "), path, node.lineno)
            if len(node.name) > LONGEST_NAME:
                yield Place(path, node.lineno, node.name, f"a test name has at most {LONGEST_NAME} characters")


def places() -> list[Place]:
    """Find the words in the whole project."""
    found: list[Place] = []
    for top in ("src", "tests", "tools", "bench"):
        for file in sorted((ROOT / top).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if not path.startswith("tests/golden/") and file != Path(__file__):
                found += places_in_python(file.read_text(), path, strings=top != "tests")
    for file in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]):
        found += words_of(file.read_text(), file.relative_to(ROOT).as_posix())
    return found


def allowed() -> dict[str, int]:
    """Return how many places each room may still have."""
    return {str(key): int(value) for key, value in tomllib.loads(COUNTS.read_text())["allowed"].items()}


def main(words: list[str]) -> None:
    """List the places, or write the counts."""
    found = places()
    if words == ["--write"]:
        counts = sorted(Counter(room(place.path) for place in found).items())
        COUNTS.write_text(HEAD + "".join(f'"{name}" = {count}\n' for name, count in counts))
        return
    for place in found:
        if not words or place.path.startswith(words[0]):
            print(place)


HEAD = """\
# How many places each room may still have with a word of `tests/kit/words.py`. Numbers only go down; at zero a line goes away.
# After an improvement: .venv/bin/python tests/kit/words.py --write

[allowed]
"""

if __name__ == "__main__":
    main(sys.argv[1:])
