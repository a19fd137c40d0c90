"""Build the documentation site, strictly: a link that leads nowhere, or a page that would load something from another host, is an error.

Usage: .venv/bin/python tools/build_site.py [DIRECTORY]. The default directory is `.site`; the pages end up in `DIRECTORY/site`, where
`index.html` opens in a browser without a server. The pages of `docs/` are copied first, and those that are made from other
files are added: the list of decisions and the changelog. Nothing is fetched. Exit status 1: something is wrong, and all of it is printed.
"""

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
#: Pages at the root of the repository, and their names on the site.
ROOT_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "vulnerabilities.md",
}
FORGE = "https://github.com/commonwheel/commonwheel/blob/main/"
#: What a browser loads by itself, by element: the attribute that names it.
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s]+)\)")
#: The theme asks another host for this script when a page is opened from the disk; `offline_search` takes its place.
FOREIGN_SHIM = re.compile(r'<script src="https://[^"]*iframe-worker[^"]*"[^>]*></script>')


def stage(place: Path) -> None:
    """Copy the configuration and the pages, and add the pages that are generated."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    shutil.copy(ROOT / "zensical.toml", place)
    shutil.copytree(ROOT / "docs", place / "docs")
    pages = sorted((place / "docs" / "decisions").glob("[0-9]*.md"))
    titles = [(page.name, page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")) for page in pages]
    lines = ["# Decisions", "", "One page for each: the context, the choice and its price.", ""]
    lines += [f"- [{title}]({name})" for name, title in titles]
    (place / "docs" / "decisions" / "index.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, new in ROOT_PAGES.items():
        if (ROOT / name).is_file():
            text = (ROOT / name).read_text(encoding="utf-8")
            (place / "docs" / new).write_text(LINK.sub(moved, text), encoding="utf-8")
    for page in (place / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for name, new in ROOT_PAGES.items():
            text = text.replace(f"](../{name}", f"]({new}")
        page.write_text(text, encoding="utf-8")


def moved(link: re.Match[str]) -> str:
    """Return a link of a page at the root as it has to be in `docs/`: to a page there, or to the file on the forge."""
    target = link[1]
    page, mark, heading = target.partition("#")
    if target.startswith("docs/"):
        return f"]({target.removeprefix('docs/')})"
    return f"]({ROOT_PAGES[page]}{mark}{heading})" if page in ROOT_PAGES else f"]({FORGE}{target})"


def build(place: Path) -> int:
    """Run zensical, which checks the links between pages and to their headings; return its exit status."""
    environ = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # its last lines are a traceback of its own
        sys.stderr.write(done.stdout + done.stderr.partition("Traceback (most recent call last)")[0])
    return done.returncode


def offline_search(site: Path) -> None:
    """Let the search work on pages opened from the disk, where a browser starts no worker from a file, without another host."""
    (worker,) = (site / "assets" / "javascripts" / "workers").glob("search.*.js")
    script = (
        'if (location.protocol === "file:") {\n'
        f"  const code = new Blob([{json.dumps(worker.read_text(encoding='utf-8'))}], {{ type: 'text/javascript' }});\n"
        "  const Plain = Worker;\n"
        "  window.Worker = class extends Plain {\n"
        "    constructor() { super(URL.createObjectURL(code)); }\n"
        "  };\n"
        "}\n"
    )
    (site / "assets" / "javascripts" / "offline.js").write_text(script, encoding="utf-8")
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        up = "../" * (len(page.relative_to(site).parts) - 1)
        ours = f'<script src="{up or "./"}assets/javascripts/offline.js"></script>'
        page.write_text(FOREIGN_SHIM.sub(ours, text), encoding="utf-8")


def lists_without_space(place: Path) -> Iterator[str]:
    """Yield the lists that the site would show as running text: Markdown in Python wants an empty line before a list."""
    for page in sorted((place / "docs").rglob("*.md")):
        before, fenced = "", False
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            fenced ^= line.lstrip().startswith("```")
            begins = re.match(r"(?:[-*]|\d+\.) ", line)
            if begins and not fenced and before.strip() and not re.match(r"(?:[-*]|\d+\.) |\s", before):
                yield f"{page.relative_to(place / 'docs')}, line {number}: an empty line is missing before the list"
            before = line


class Links(html.parser.HTMLParser):
    """The addresses in a page: (element, address) in `found`, and the names that a link may lead to in `names`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what one element names."""
        given = dict(attrs)
        for key in ("id", "name"):
            self.names.add(given.get(key) or "")
        address = given.get("href" if tag in ("a", "link") else "src")
        if address:
            self.found.append((tag, address))


def faults(site: Path) -> Iterator[str]:
    """Yield what is wrong in the pages as they were built: targets that are not there, and what other hosts would serve."""
    parsed = {page: Links(page.read_text(encoding="utf-8")) for page in sorted(site.rglob("*.html"))}
    for page, links in parsed.items():
        name = page.relative_to(site)
        for tag, address in links.found:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if tag in LOADED and not (tag == "link" and "canonical" in address):
                    yield f"{name}: <{tag}> loads `{address}` from another host"
                continue
            base = site if parts.path.startswith("/") else page.parent
            target = Path(os.path.normpath(base / unquote(parts.path).lstrip("/"))) if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{name}: `{address}` is not there"
            elif parts.fragment and target in parsed and unquote(parts.fragment) not in parsed[target].names:
                yield f"{name}: `{address}` names no heading there"


def main() -> int:
    """Build and check; return 0 when nothing is wrong."""
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".site").resolve()
    stage(place)
    if build(place) != 0:
        return 1
    site = place / "site"
    offline_search(site)
    found = [*lists_without_space(place), *faults(site)]
    for fault in found:
        print(fault, file=sys.stderr)
    if not found:
        print(f"{sum(1 for _ in site.rglob('*.html'))} pages: {site}/index.html")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
