"""Revisions of real git repositories: what `@` may name, what is kept, what is told."""

import base64
import os
import shlex
import shutil
import ssl
import subprocess
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from commonwheel.build.vcs import GitFailed, Repositories
from commonwheel.model import SafeUrl, VcsSource
from kit.sdists import commit, git, repository
from kit.users import users

ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
# submodules from this machine are forbidden unless the user says otherwise (git 2.38)
LOCAL = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always"}


class Calls:
    """Run git, and keep what it was asked."""

    def __init__(self) -> None:
        self.made: list[tuple[str, ...]] = []

    def __call__(self, words: Sequence[str], cwd: str, environ: Mapping[str, str]) -> tuple[int, str]:
        self.made.append(tuple(words[1:]))
        done = subprocess.run(words, cwd=cwd, env=dict(environ), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def fetches(self) -> int:
        return sum(words[0] == "fetch" for words in self.made)


class Place:
    """A repository with some history, and a store beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "a repository"
        self.first = repository(self.path, {"x.txt": "1", "sub/y.txt": "y"})
        git(self.path, "tag", "v1.0")
        git(self.path, "tag", "-a", "-m", "about", "v1.1")
        self.second = commit(self.path, {"x.txt": "2"})
        git(self.path, "checkout", "--quiet", "-b", "feature/one")
        self.branch = commit(self.path, {"x.txt": "feature"})
        git(self.path, "checkout", "--quiet", "main")
        self.calls = Calls()

    @property
    def url(self) -> SafeUrl:
        return SafeUrl(f"file://{self.path}".replace(" ", "%20"))

    def source(self, revision: str | None = None) -> VcsSource:
        return VcsSource("git", self.url, revision)

    def repositories(self, environ: Mapping[str, str] | None = None, offline: str = "") -> Repositories:
        where = {**ALONE, **(environ or {})}
        return Repositories(str(self.root / "store" / "git"), self.calls, where, offline=offline)

    def work_tree(self, source: VcsSource, environ: Mapping[str, str] | None = None, offline: str = "") -> Path:
        return Path(self.repositories(environ, offline).checkout(source, str(self.root / "work")))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_ssh_repository(place: Place) -> None:
    """The user's own ssh is used, with the options that the user sets in git."""
    asked = place.root / "asked"
    ssh = place.root / "ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{asked}"\nfor word; do :; done\nexec sh -c "$word"\n')
    ssh.chmod(0o755)
    environ = {"GIT_SSH_COMMAND": shlex.quote(str(ssh))}
    url = SafeUrl(f"ssh://git@host.example{place.path}".replace(" ", "%20"))
    source = place.repositories(environ).resolve(VcsSource("git", url, "v1.1"))
    assert source.commit == place.first
    assert (place.work_tree(source, environ) / "x.txt").read_text() == "1"
    assert "git@host.example" in asked.read_text().splitlines()


def test_https_repository(place: Place) -> None:
    git(place.path, "update-server-info")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(place.root / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    class Files(SimpleHTTPRequestHandler):
        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=place.root)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = SafeUrl(f"https://localhost:{server.server_address[1]}/a%20repository/.git")
        source = VcsSource("git", url, "feature/one")
        with pytest.raises(GitFailed, match="failed for"):
            place.repositories().resolve(source)  # its certificate is nobody's whom git knows
        environ = {"GIT_SSL_CAINFO": str(place.root / "ca.pem")}
        source = place.repositories(environ).resolve(source)
        assert source.commit == place.branch
        assert (place.work_tree(source, environ) / "x.txt").read_text() == "feature"
        server.shutdown()


@pytest.mark.parametrize(
    ("revision", "expected", "content"),
    [
        (None, "second", "2"),
        ("main", "second", "2"),
        ("feature/one", "branch", "feature"),
        ("v1.0", "first", "1"),
        ("v1.1", "first", "1"),
        ("refs/heads/main", "second", "2"),
        ("refs/tags/v1.1", "first", "1"),
    ],
)
def test_name_resolves_to_its_commit(place: Place, revision: str | None, expected: str, content: str) -> None:
    found = place.repositories().resolve(place.source(revision))
    assert found.commit == getattr(place, expected)
    assert found.revision == revision
    tree = place.work_tree(found)
    assert (tree / "x.txt").read_text() == content
    assert git(tree, "rev-parse", "HEAD") == found.commit
    assert place.calls.fetches() == 1


@pytest.mark.parametrize("length", [40, 12, 7])
def test_commit_is_found_by_hash_or_prefix(place: Place, length: int) -> None:
    assert place.repositories().resolve(place.source(place.first[:length])).commit == place.first


def test_unreachable_commit_is_fetched_by_hash(place: Place) -> None:
    git(place.path, "checkout", "--quiet", "--detach", "main")
    lost = commit(place.path, {"x.txt": "lost"})
    git(place.path, "checkout", "--quiet", "main")
    found = place.repositories().resolve(place.source(lost))
    assert (place.work_tree(found) / "x.txt").read_text() == "lost"


def test_known_full_hash_needs_no_fetch(place: Place) -> None:
    place.repositories().resolve(place.source(place.first))
    before = place.calls.fetches()
    place.repositories().resolve(place.source(place.first))
    assert place.calls.fetches() == before


def test_branch_is_updated_per_command(place: Place) -> None:
    repositories = place.repositories()
    assert repositories.resolve(place.source("main")).commit == place.second
    third = commit(place.path, {"x.txt": "3"})
    assert repositories.resolve(place.source("main")).commit == place.second
    assert place.repositories().resolve(place.source("main")).commit == third
    assert place.repositories().resolve(place.source()).commit == third


def test_rewritten_or_replaced_branch_is_followed(place: Place) -> None:
    place.repositories().resolve(place.source("feature/one"))
    git(place.path, "branch", "-D", "feature/one")
    git(place.path, "branch", "feature")
    assert place.repositories().resolve(place.source("feature")).commit == place.second


def test_spellings_and_logins_share_a_clone(place: Place) -> None:
    place.repositories().resolve(place.source())
    spelled = VcsSource("git", SafeUrl(place.url.secret + "/"))
    place.repositories().resolve(spelled)
    clones = [name for name in os.listdir(place.root / "store" / "git") if not name.endswith(".lock")]
    assert len(clones) == 1
    assert clones[0].endswith(f".{os.geteuid()}")
    assert os.stat(place.root / "store" / "git" / clones[0]).st_mode & 0o777 == 0o700


def test_work_tree_has_tags(place: Place) -> None:
    """Versions are made of them (setuptools-scm and others ask `git describe`)."""
    tree = place.work_tree(place.repositories().resolve(place.source()))
    assert git(tree, "describe", "--tags").startswith("v1.1-1-g")


def test_work_tree_has_submodules(place: Place) -> None:
    inner = place.root / "inner"
    repository(inner, {"inner.txt": "inner"})
    git(place.path, "submodule", "add", "--quiet", f"file://{inner}", "deep/inner")
    commit(place.path)
    source = place.repositories().resolve(place.source())
    tree = place.work_tree(source, environ=LOCAL)
    assert (tree / "deep/inner/inner.txt").read_text() == "inner"


def test_unavailable_submodule_is_reported(place: Place) -> None:
    inner = place.root / "inner"
    repository(inner, {"inner.txt": "inner"})
    git(place.path, "submodule", "add", "--quiet", f"file://{inner}", "inner")
    commit(place.path)
    shutil.rmtree(inner)
    source = place.repositories().resolve(place.source())
    with pytest.raises(GitFailed, match="`git submodule` failed"):
        place.work_tree(source, environ=LOCAL)


def test_user_hooks_do_not_run(place: Place) -> None:
    templates = place.root / "templates" / "hooks"
    templates.mkdir(parents=True)
    (templates / "post-checkout").write_text(f"#!/bin/sh\ntouch {place.root}/ran\n")
    (templates / "post-checkout").chmod(0o755)
    environ = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "init.templateDir",
        "GIT_CONFIG_VALUE_0": str(templates.parent),
    }
    place.work_tree(place.repositories().resolve(place.source()), environ=environ)
    assert not (place.root / "ran").exists()


def test_surrounding_git_hook_variables_are_ignored(place: Place) -> None:
    other = place.root / "other"
    repository(other, {"z": "z"})
    environ = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other), "GIT_INDEX_FILE": str(other / "index")}
    found = place.repositories(environ=environ).resolve(place.source())
    tree = place.work_tree(found, environ=environ)
    assert (tree / "x.txt").read_text() == "2"
    assert not (other / "index").exists()


@pytest.mark.parametrize("revision", ["nowhere", "v9.9", "0" * 40, "abcdef1", "refs/heads/nowhere"])
def test_missing_revision_is_reported(place: Place, revision: str) -> None:
    with pytest.raises(GitFailed) as caught:
        place.repositories().resolve(place.source(revision))
    assert "a%20repository" in caught.value.message
    assert caught.value.exit_status == 1
    assert caught.value.hint


def test_similar_revisions_are_suggested(place: Place) -> None:
    with pytest.raises(GitFailed, match=r"has no revision `1\.2`") as caught:
        place.repositories().resolve(place.source("1.2"))
    assert caught.value.context == ()
    with pytest.raises(GitFailed) as caught:
        place.repositories().resolve(place.source("v1.5"))
    assert caught.value.context == ("it has: v1.0, v1.1",)


def test_missing_repository_is_reported_without_password(place: Place) -> None:
    shutil.rmtree(place.path)
    with pytest.raises(GitFailed, match="`git fetch` failed") as caught:
        place.repositories().resolve(place.source())
    assert any("repository" in line for line in caught.value.context)
    secret = VcsSource("git", SafeUrl("https://me:s3cret@nowhere.invalid/x"))
    with pytest.raises(GitFailed) as caught:
        place.repositories().resolve(secret)
    assert "s3cret" not in str([caught.value.message, *caught.value.context, caught.value.hint])


@pytest.mark.parametrize(("kind", "url"), [("hg", "https://x.example/r"), ("git", "ftp://x.example/r")])
def test_other_vcs_and_schemes_are_refused(place: Place, kind: str, url: str) -> None:
    with pytest.raises(GitFailed):
        place.repositories().resolve(VcsSource(kind, SafeUrl(url)))
    assert place.calls.made == []


def test_offline_branch_stays_at_the_known_commit(place: Place) -> None:
    with pytest.raises(GitFailed, match="`--offline` forbids"):
        place.repositories(offline="--offline").resolve(place.source("main"))
    place.repositories().resolve(place.source("main"))
    shutil.rmtree(place.path)
    found = place.repositories(offline="--offline").resolve(place.source("main"))
    assert (place.work_tree(found, offline="--offline") / "x.txt").read_text() == "2"


def test_nothing_unfinished_is_left(place: Place) -> None:
    place.work_tree(place.repositories().resolve(place.source()))
    shutil.rmtree(place.path)
    with pytest.raises(GitFailed):
        place.repositories().resolve(place.source("nowhere"))
    left = os.listdir(place.root / "store" / "git")
    assert not [name for name in left if name.startswith((".tmp-", ".trash-")) or name.endswith(".lock")]


@pytest.mark.root
def test_clone_of_another_user_is_not_used(place: Place) -> None:
    place.repositories().resolve(place.source())
    store = place.root / "store" / "git"
    [clone] = [name for name in os.listdir(store) if not name.endswith(".lock")]
    with users("mallory") as (mallory,):
        os.chown(store / clone, mallory.uid, mallory.gid)
        with pytest.raises(GitFailed, match="belongs to somebody else"):
            place.repositories().resolve(place.source())


def served(place: Place, seen: list[tuple[str, str]], user: str = "me:s3 cret") -> ThreadingHTTPServer:
    """Serve repositories over http to who logs in; `seen` gets each path, and the login that came with it."""
    wanted = "Basic " + base64.b64encode(user.encode()).decode()

    class Files(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("authorization", "")
            seen.append((self.path, given))
            if given != wanted:
                self.send_response(401)
                self.send_header("www-authenticate", 'Basic realm="x"')
                self.send_header("content-length", "0")
                self.end_headers()
                return
            super().do_GET()

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=place.root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_a_login_goes_to_the_host_of_the_url_and_stays_nowhere(place: Place) -> None:
    """On no command line, in no file of the clone or of the work tree, and in no helper of the user's."""
    kept = place.root / "kept"
    config = place.root / "config"
    config.write_text(f"[credential]\n\thelper = \"!f() {{ echo $1 >> '{kept}'; cat >> '{kept}'; }}; f\"\n")
    git(place.path, "update-server-info")
    seen: list[tuple[str, str]] = []
    with served(place, seen) as server:
        environ = {"GIT_CONFIG_GLOBAL": str(config)}
        url = SafeUrl(f"http://me:s3%20cret@127.0.0.1:{server.server_address[1]}/a%20repository/.git")
        source = place.repositories(environ).resolve(VcsSource("git", url, "v1.1"))
        assert source.commit == place.first
        work = place.work_tree(source, environ)
        assert (work / "x.txt").read_text() == "1"
        assert git(work, "config", "--get", "remote.origin.url").strip() == url.bare
        assert any(login for _, login in seen)
        server.shutdown()
    everything = "\n".join(" ".join(words) for words in place.calls.made)
    for path in (place.root / "store").rglob("*"), work.rglob("*"):
        everything += "".join(one.read_bytes().decode("latin-1") for one in path if one.is_file())
    assert not any(secret in everything for secret in ("s3%20cret", "s3 cret", "me:s3"))
    assert not kept.exists()


def test_a_login_goes_to_submodules_of_its_host_and_to_no_other(place: Place) -> None:
    inner = place.root / "inner"
    repository(inner, {"z.txt": "z"})
    git(inner, "update-server-info")
    seen: list[tuple[str, str]] = []
    other: list[tuple[str, str]] = []
    with served(place, seen) as server, served(place, other, user="nobody") as stranger:
        host = f"127.0.0.1:{server.server_address[1]}"
        modules = '[submodule "in"]\n\tpath = in\n\turl = ../../inner/.git\n'
        git(place.path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "in")
        commit(place.path, {".gitmodules": modules})
        git(place.path, "update-server-info")
        url = SafeUrl(f"http://me:s3%20cret@{host}/a%20repository/.git")
        work = place.work_tree(place.repositories().resolve(VcsSource("git", url)))
        assert (work / "in" / "z.txt").read_text() == "z"
        commit(
            place.path, {".gitmodules": modules.replace("../../", f"http://127.0.0.1:{stranger.server_address[1]}/")}
        )
        git(place.path, "update-server-info")
        shutil.rmtree(work)
        with pytest.raises(GitFailed, match="submodule"):
            place.work_tree(place.repositories().resolve(VcsSource("git", url)))
        assert other
        assert not any(login for _, login in other)
        server.shutdown()
        stranger.shutdown()


def test_a_login_with_a_line_end_is_refused(place: Place) -> None:
    with pytest.raises(GitFailed, match="line end"):
        place.repositories().resolve(VcsSource("git", SafeUrl("https://me:a%0Ahost=evil@h.invalid/r")))
