"""Fetch revisions of git repositories through the `git` command (direct references of PEP 508, recorded by PEP 610).

One bare clone per repository is kept and fetched into; each build gets a work tree of its own in private scratch space,
which borrows the clone's objects. LFS is left to git, and so are credentials that no URL names.

Laws of this file: git runs without hooks, without a terminal to ask on, never in somebody's own repository, and never in a
clone that is another user's: whoever can change a clone can change what is built. The user and password of a URL go to the
calls of git that speak to its host, through their environment: on no command line, which every user can read, and into no
configuration, which the build can read.
"""

import hashlib
import os

from commonwheel.errors import CommonwheelError
from commonwheel.events import Silence
from commonwheel.fs import facts, locks, trees
from commonwheel.model import SafeUrl, VcsSource
from commonwheel.net.urls import split, take_login
from commonwheel.specs import direct_url
from commonwheel.specs.numbers import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.events import Reporter

    #: words, directory, environment -> exit status, output
    Git = Callable[[Sequence[str], str, Mapping[str, str]], tuple[int, str]]

# What every call of git is told, whatever the user has configured: no hooks of templates, no advice, no work behind our back.
_CONFIGURED = (
    ("core.hooksPath", os.devnull),
    ("advice.detachedHead", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)
_USER, _PASSWORD = "CW_GIT_USERNAME", "CW_GIT_PASSWORD"
# what git runs to learn a user and a password (gitcredentials(7)); it must not be told by anybody else, nor tell them
_HELPER = f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" "${_USER}" "${_PASSWORD}"; }}; f'
_FULL = 40
# What binds git to some other repository, as when cw runs inside a git hook.
_FOREIGN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
)
_SCHEMES = ("https", "ssh", "file", "http", "git")
_SAID = 6  # lines of git's that are shown
_PATIENCE = 600.0  # seconds that somebody else's fetch is waited for; then both fetch


class GitFailed(CommonwheelError):
    """A repository or revision could not be fetched; the context has what git printed."""

    code = "git-failed"


class Repositories:
    """Keep bare clones below `directory` and check revisions out of them; `git` runs a command: (status, output).

    `offline` is either "", or what forbids the network, as the user wrote it: then a branch is what it was when it was fetched last.
    """

    def __init__(
        self,
        directory: str,
        git: "Git",
        environ: "Mapping[str, str]",
        reporter: "Reporter | None" = None,
        *,
        offline: str = "",
    ) -> None:
        self._directory = directory
        self._git = git
        self._environ = _environ(environ)
        self._reporter = reporter or Silence()
        self._offline = offline
        self._resolved: dict[tuple[str, str], str] = {}

    def resolve(self, source: VcsSource) -> VcsSource:
        """Return the source with its `commit` filled in, fetching what is missing; raises GitFailed.

        A branch is asked for once in a process, so that all that comes from it is of one commit.
        """
        if source.commit:
            return source
        _check(source)
        wanted = source.revision or "HEAD"
        key = (source.url.secret, wanted)
        commit = self._resolved.get(key, "")
        if not commit:
            bare = self._bare(source.url)
            with self._turn(bare, source.url):
                commit = self._found(bare, source.url, wanted)
            self._resolved[key] = commit
        return source.replaced(commit=commit)

    def checkout(self, source: VcsSource, directory: str) -> str:
        """Make a work tree of `source.commit`, with submodules, in the new `directory` and return it; raises GitFailed."""
        bare = self._bare(source.url)
        commit = source.commit or ""
        if not self._commit(bare, commit):
            with self._turn(bare, source.url):
                self._fetch(bare, source.url, commit)
        self._must(["clone", "--quiet", "--shared", "--no-checkout", bare, directory], bare, source.url)
        self._must(["remote", "set-url", "origin", _bare(source.url)], directory, source.url)
        # a filter may fetch what it puts in place of a file
        self._must(["checkout", "--quiet", "--detach", commit], directory, source.url, logged_in=True)
        if os.path.exists(os.path.join(directory, ".gitmodules")):
            words = ["submodule", "update", "--quiet", "--init", "--recursive"]
            self._must(words, directory, source.url, logged_in=True)
        return directory

    # --- clones -----------------------------------------------------------------------------------------------------

    def _bare(self, url: SafeUrl) -> str:
        """Return the bare clone of a repository, made empty when it is new; named by the url without credentials."""
        name = hashlib.sha256(url.bare.rstrip("/").removesuffix(".git").encode()).hexdigest()
        me = facts.my_user()
        bare = os.path.join(self._directory, f"{name}.{me}")
        try:
            found = os.lstat(bare)
        except FileNotFoundError:
            found = None
        if found is not None and found.st_uid != me:
            raise GitFailed(
                f"`{bare}` is in the way: it belongs to somebody else, who could put anything into it",
                context=facts.describe(bare),
                hint="have it removed, or choose another store with `--cache-dir`",
            )
        if found is None:
            trees.make_directory(self._directory, parents=True)
            staged = trees.staging(self._directory, 0o700)
            try:
                self._must(["init", "--quiet", "--bare", staged], self._directory, url)
                trees.publish_tree(staged, bare)
            except BaseException:
                trees.erase(staged)
                raise
        return bare

    def _turn(self, bare: str, url: SafeUrl) -> "_Turn":
        return _Turn(
            locks.lock(
                f"{bare}.lock",
                timeout=_PATIENCE,
                who=f"fetching {url}",
                waiting=lambda holder: self._reporter.note("info", f"Waiting for {holder}, who is fetching {url}"),
            )
        )

    def _found(self, bare: str, url: SafeUrl, wanted: str) -> str:
        """Return the commit of a revision: a full hash from what is there, all else as the repository has it now."""
        if _is_full(wanted) or self._offline:
            commit = self._commit(bare, wanted)
            if commit:
                return commit
        self._fetch(bare, url, wanted)
        commit = self._commit(bare, wanted)
        if not commit:
            raise GitFailed(
                f"`{url}` has no revision `{wanted}`",
                context=self._like(bare, wanted),
                hint="write a branch, a tag or a commit after the `@`",
            )
        return commit

    def _fetch(self, bare: str, url: SafeUrl, wanted: str) -> None:
        """Bring a revision: first what is named so, then, as it may be part of a hash, everything."""
        if self._offline:
            raise GitFailed(
                f"`{url}` at `{wanted}` is not in the store, and `{self._offline}` forbids fetching it",
                hint=f"run once without `{self._offline}`",
            )
        task = self._reporter.begin("download", f"{url}")
        try:
            environ = self._logged_in(url)
            command = ["fetch", "--quiet", "--force", _bare(url)]
            if _is_full(wanted):
                if self._run([*command, f"+{wanted}:refs/cw/{wanted}"], bare, environ)[0] == 0:
                    return
            elif wanted == "HEAD":
                self._must([*command, "+HEAD:refs/cw/HEAD"], bare, url, logged_in=True)
                return
            elif wanted.startswith("refs/"):
                self._must([*command, f"+{wanted}:{wanted}"], bare, url, logged_in=True)
                return
            else:
                # the stars let a name be missing without an error: one round for both, as a rule
                both = [f"+refs/{kind}/{wanted}*:refs/{kind}/{wanted}*" for kind in ("heads", "tags")]
                if self._run([*command, *both], bare, environ)[0] == 0 and self._commit(bare, wanted):
                    return
            everything = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
            self._must(["fetch", "--quiet", "--force", "--prune", _bare(url), *everything], bare, url, logged_in=True)
        finally:
            self._reporter.end(task)

    def _commit(self, bare: str, wanted: str) -> str:
        """Return the full hash of a revision that the clone has, or ""."""
        names = [f"refs/heads/{wanted}", f"refs/tags/{wanted}", wanted]
        if wanted == "HEAD":
            names = ["refs/cw/HEAD"]
        elif _is_full(wanted):
            names = [wanted]
        for name in names:
            words = ["rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"]
            status, output = self._run(words, bare)
            if status == 0:
                return output.strip().splitlines()[-1]
        return ""

    def _like(self, bare: str, wanted: str) -> "list[str]":
        """Return a line that names branches and tags which begin alike, if there are any."""
        start = wanted[: max(3, len(wanted) // 2)].lower()
        _, output = self._run(["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/tags"], bare)
        names = [name for name in output.split() if name.lower().lstrip("v").startswith(start.lstrip("v"))]
        return [f"it has: {', '.join(sorted(names)[:10])}"] if names else []

    # --- git --------------------------------------------------------------------------------------------------------

    def _run(self, words: "Sequence[str]", cwd: str, environ: "Mapping[str, str] | None" = None) -> "tuple[int, str]":
        return self._git(["git", *words], cwd, self._environ if environ is None else environ)

    def _logged_in(self, url: SafeUrl) -> "Mapping[str, str]":
        """Return the environment for a call of git that speaks to the host of a URL: with what the URL says of who asks."""
        bare, user, password = take_login(url.secret)
        scheme, host, _ = split(bare)
        if user is None or scheme not in ("http", "https"):
            return self._environ
        if any(character in user + (password or "") for character in "\n\r\0"):
            raise GitFailed(f"the user or the password in `{url}` has a line end in it", hint="check the URL")
        section = f"credential.{scheme}://{host}"
        if password is None:
            return _configured(self._environ, ((f"{section}.username", user),))
        helpers = ((f"{section}.helper", ""), (f"{section}.helper", _HELPER))
        return {**_configured(self._environ, helpers), _USER: user, _PASSWORD: password}

    def _must(self, words: "Sequence[str]", cwd: str, url: SafeUrl, *, logged_in: bool = False) -> None:
        status, output = self._run(words, cwd, self._logged_in(url) if logged_in else None)
        if status:
            said = [line.replace(url.secret, url.shown) for line in output.splitlines() if line.strip()][-_SAID:]
            raise GitFailed(
                f"`git {words[0]}` failed for `{url}`",
                context=said,
                hint="check the address, and that git itself reaches it: `git ls-remote` with the same address",
            )


class _Turn:
    """Hold a lock that saves double work, and do without it when it takes too long."""

    def __init__(self, lock: locks.Lock) -> None:
        self._lock = lock
        self._held = False

    def __enter__(self) -> None:
        try:
            self._held = self._lock.__enter__()
        except locks.LockTimeout:
            self._held = False

    def __exit__(self, *_: object) -> None:
        if self._held:
            self._lock.__exit__(None, None, None)


def _check(source: VcsSource) -> None:
    if source.kind != "git":
        raise GitFailed(
            f"`{source.kind}+{source.url}` is a repository of another kind than git",
            hint="only git is supported; other repositories can be checked out and installed from their directory",
        )
    scheme = source.url.secret.partition("://")[0]
    if scheme not in _SCHEMES:
        raise GitFailed(
            f"`{source.kind}+{source.url}` has the scheme `{scheme}`",
            hint=f"use one of {', '.join(_SCHEMES[:3])}",
        )


def _environ(environ: "Mapping[str, str]") -> "dict[str, str]":
    """Return the environment for git: the user's, his own additions to its configuration included, and ours after them."""
    made = {name: value for name, value in environ.items() if name not in _FOREIGN}
    made["GIT_TERMINAL_PROMPT"] = "0"
    return _configured(made, _CONFIGURED)


def _configured(environ: "Mapping[str, str]", pairs: "Sequence[tuple[str, str]]") -> "dict[str, str]":
    """Return an environment that adds to the configuration of git, after what it adds already."""
    made = dict(environ)
    first = whole(made.get("GIT_CONFIG_COUNT", "")) or 0
    for number, (key, value) in enumerate(pairs, first):
        made[f"GIT_CONFIG_KEY_{number}"] = key
        made[f"GIT_CONFIG_VALUE_{number}"] = value
    made["GIT_CONFIG_COUNT"] = str(first + len(pairs))
    return made


def _bare(url: SafeUrl) -> str:
    """Return a URL as it may be kept: without user and password, but with the account of ssh, which is none."""
    return direct_url.public(url)


def _is_full(revision: str) -> bool:
    return len(revision) == _FULL and all(character in "0123456789abcdef" for character in revision)
