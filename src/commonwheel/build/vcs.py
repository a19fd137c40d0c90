"""Fetch revisions of git repositories through the `git` command (direct references of PEP 508, recorded by PEP 610).

One bare clone per repository is kept in the personal store and fetched into; each build gets a work tree of its own in
private scratch space. Credentials are left to git; LFS is left to git.

Laws of this file: git runs without hooks, without a terminal to ask on, and never in somebody's own repository.
"""

import hashlib
import os

from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk
from commonwheel.model import SafeUrl, VcsSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Git = Callable[[Sequence[str], str, Mapping[str, str]], tuple[int, str]]

_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
    "GIT_CONFIG_KEY_1": "advice.detachedHead",
    "GIT_CONFIG_VALUE_1": "false",
}
_FULL = 40
# What binds git to some other repository, as when cw runs inside a git hook.
_FOREIGN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
)
_SCHEMES = ("https", "http", "ssh", "file", "git")


class GitFailed(CommonwheelError):
    """Say which repository or revision could not be had, and what git said."""

    code = "git-failed"


class Repositories:
    """Keep bare clones below `directory` and check revisions out of them; `git` runs a command: (status, output)."""

    def __init__(self, directory: str, git: "Git", environ: "Mapping[str, str]", *, offline: bool = False) -> None:
        self._directory = directory
        self._git = git
        self._environ = {**{k: v for k, v in environ.items() if k not in _FOREIGN}, **_QUIET}
        self._offline = offline
        self._fetched: dict[str, str] = {}

    def resolve(self, source: VcsSource) -> VcsSource:
        """Return the source with its `commit` filled in, fetching what is missing; raises GitFailed."""
        if source.commit:
            return source
        scheme = source.url.secret.partition("://")[0]
        if scheme not in _SCHEMES:
            raise GitFailed(
                f"`{source.kind}+{source.url}` has the scheme `{scheme}`",
                hint=f"use one of {', '.join(_SCHEMES)}",
            )
        bare = self._bare(source.url)
        wanted = source.revision or "HEAD"
        commit = self._commit(bare, wanted) if _is_full(wanted) else ""
        if not commit:
            self._fetch(bare, source.url, wanted)
            commit = self._commit(bare, wanted)
        if not commit:
            raise GitFailed(
                f"`{source.url}` has no revision `{wanted}`",
                hint="a branch, a tag or a full commit hash is expected after `@`",
            )
        return source.replaced(commit=commit)

    def checkout(self, source: VcsSource, directory: str) -> str:
        """Make a work tree of `source.commit`, with submodules, in the new `directory` and return it; raises GitFailed."""
        bare = self._bare(source.url)
        if not self._commit(bare, source.commit or ""):
            self._fetch(bare, source.url, source.commit or "HEAD")
        self._must(["clone", "--quiet", "--shared", "--no-checkout", bare, directory], bare, source.url)
        self._must(["remote", "set-url", "origin", source.url.secret], directory, source.url)
        self._must(["checkout", "--quiet", "--detach", source.commit or "HEAD"], directory, source.url)
        if os.path.exists(os.path.join(directory, ".gitmodules")):
            self._must(["submodule", "update", "--quiet", "--init", "--recursive"], directory, source.url)
        return directory

    def _bare(self, url: SafeUrl) -> str:
        """Return the bare clone of a repository, made empty when it is new; named by the url without credentials."""
        key = hashlib.sha256(url.bare.removesuffix(".git").rstrip("/").encode()).hexdigest()
        bare = os.path.join(self._directory, key[:2], key)
        if not os.path.isdir(os.path.join(bare, "objects")):
            disk.make_directory(os.path.dirname(bare), parents=True)
            staged = disk.staging(os.path.dirname(bare))
            self._must(["init", "--quiet", "--bare", staged], os.path.dirname(bare), url)
            disk.publish_tree(staged, bare)
        return bare

    def _fetch(self, bare: str, url: SafeUrl, wanted: str) -> None:
        if self._offline:
            raise GitFailed(
                f"`{url}` at `{wanted}` is not in the store, and `--offline` forbids fetching it",
                hint="run once without `--offline`",
            )
        if self._fetched.get(bare) == wanted:
            return
        refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/cw/HEAD"]
        command = ["fetch", "--quiet", "--force", "--prune", "--no-auto-gc", url.secret]
        if _is_full(wanted) and self._run([*command, f"+{wanted}:refs/cw/{wanted}"], bare)[0] == 0:
            return
        self._must([*command, *refs], bare, url)
        if not self._commit(bare, wanted) and wanted.startswith("refs/"):
            self._must([*command, f"+{wanted}:{wanted}"], bare, url)
        self._fetched[bare] = wanted

    def _commit(self, bare: str, wanted: str) -> str:
        """Return the full hash of a revision that the clone has, or ""."""
        names = ["refs/cw/HEAD"] if wanted == "HEAD" else [f"refs/heads/{wanted}", f"refs/tags/{wanted}", wanted]
        for name in names:
            status, output = self._run(
                ["rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"], bare
            )
            if status == 0:
                return output.strip()
        return ""

    def _run(self, words: "Sequence[str]", cwd: str) -> "tuple[int, str]":
        return self._git(["git", *words], cwd, self._environ)

    def _must(self, words: "Sequence[str]", cwd: str, url: SafeUrl) -> None:
        status, output = self._run(words, cwd)
        if status:
            said = [line.replace(url.secret, url.shown) for line in output.splitlines() if line.strip()][-6:]
            raise GitFailed(
                f"`git {words[0]}` failed for `{url}`",
                context=said,
                hint="check the address and that git itself can reach it: `git ls-remote` with the same address",
            )


def _is_full(revision: str) -> bool:
    return len(revision) == _FULL and all(character in "0123456789abcdef" for character in revision)
