"""`cw cache`: what its users see and get."""

import json
import os
import shutil
import time

import pytest

from kit.cli import Cw
from kit.commons import entry_in, temporary
from kit.index_server import IndexServer
from kit.wheels import make_wheel, sha256_of


@pytest.fixture
def cw(place):
    """A user in a place that everybody can reach."""
    cw = Cw(place)
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    return cw


@pytest.fixture
def furnished(cw):
    """Three packages in the store, two of them in an environment, one of these in another one too."""
    for name in ("alpha", "beta", "gamma"):
        make_wheel(cw.path("wheels"), name, "1.0")
    for environment in ("v", "w"):
        cw("venv", environment).ok()
    cw("pip", "install", "-p", "v", "alpha", "beta", "gamma").ok()
    cw("pip", "uninstall", "-p", "v", "gamma").ok()
    cw("pip", "install", "-p", "w", "alpha").ok()
    return cw


def entry(cw, name):
    return entry_in(cw.store, sha256_of(cw.path("wheels", f"{name}-1.0-py3-none-any.whl")))


def age(cw, name, days):
    """Let an entry look as if it had been published, and used last, so many days ago."""
    from commonwheel.store import header
    from commonwheel.store.header import Published

    path = f"{entry(cw, name)}/entry.txt"
    with open(path, "rb") as file:
        said = header.decode(file.read())
    assert said is not None
    then = Published(said.published.origin, int(time.time() - days * 86_400), said.published.host, said.published.boot)
    os.chmod(path, 0o644)
    with open(path, "wb") as file:
        file.write(header.encode(said.replaced(published=then)))
    os.chmod(path, 0o444)


def held(cw):
    return sorted(one["name"] for one in json.loads(cw("cache", "list", "--json").ok().out))


# --- looking ---------------------------------------------------------------------------------------------------------------


def test_dir_is_where_the_store_is_or_would_be(cw):
    assert cw("cache", "dir").ok().out == f"{cw.store}\n"
    assert not os.path.exists(cw.store)
    assert cw("cache", "dir", "--cache-dir", "~/mine").ok().out == f"{cw.environ['HOME']}/mine\n"
    assert cw("cache", "dir", environ={"CW_CACHE_DIR": "", "XDG_CACHE_HOME": "/x"}).ok().out == "/x/cw\n"


def test_size_is_one_number_for_scripts(furnished):
    size = int(furnished("cache", "size").ok().out)
    (layer,) = json.loads(furnished("cache", "size", "--json").ok().out)
    assert size == layer["total"]["disk"]
    assert layer["count"] == 3
    assert set(layer["packages"]) == {"alpha", "beta", "gamma"}
    assert layer["entries"]["inodes"] == sum(one["inodes"] for one in layer["packages"].values())
    assert layer["packages"]["alpha"]["size"] > 0


def test_size_is_a_table_for_people(furnished):
    out = furnished("cache", "size", "-H").ok().out
    assert "3 entries" in out
    assert "KiB" in out
    assert furnished.store in out


def test_nothing_is_no_error(cw):
    assert cw("cache", "size").ok().out == "0\n"
    assert cw("cache", "list").ok().out == ""
    assert "nothing to remove" in cw("cache", "clean").ok().err
    assert "nothing to remove" in cw("cache", "prune").ok().err
    assert "Checked 0 entries: all are sound" in cw("cache", "verify").ok().err


def test_list_tells_who_uses_what(furnished):
    rows = {one["name"]: one for one in json.loads(furnished("cache", "list", "--json").ok().out)}
    assert [len(rows[name]["environments"]) for name in ("alpha", "beta", "gamma")] == [2, 1, 0]
    assert rows["alpha"]["owner"] == "root"
    assert rows["alpha"]["sha256"] == os.path.basename(entry(furnished, "alpha"))
    out = furnished("cache", "list", "beta", "Gamma").ok().out
    assert "alpha" not in out
    assert "beta" in out
    assert "gamma" in out


def test_info_tells_all_about_a_package(furnished):
    out = furnished("cache", "info", "alpha").ok().out
    for said in (
        entry(furnished, "alpha"),
        "alpha-1.0-py3-none-any.whl",
        furnished.path("v"),
        furnished.path("w"),
        "today",
    ):
        assert said in out
    ran = furnished("cache", "info", "nothing").failed(1)
    assert "no store holds `nothing`" in ran.err


# --- clean -----------------------------------------------------------------------------------------------------------------


def test_clean_of_a_package_takes_that_one_and_what_leads_to_it(furnished):
    ran = furnished("cache", "clean", "alpha").ok()
    assert " - alpha 1.0" in ran.err
    assert held(furnished) == ["beta", "gamma"]
    assert temporary(furnished.store) == []
    # an environment keeps its files
    assert os.path.isfile(os.path.join(furnished.site(), "alpha", "__init__.py"))
    furnished("pip", "install", "-p", "w", "--reinstall", "alpha").ok()


def test_clean_takes_everything(furnished):
    furnished("cache", "clean").ok()
    assert held(furnished) == []
    assert not os.path.exists(f"{furnished.store}/v1/pages")
    furnished("pip", "install", "-p", "v", "--reinstall", "alpha").ok()


@pytest.mark.parametrize("mode", ["symlink", "fold"])
def test_what_an_environment_reaches_through_links_is_spared_unless_forced(furnished, mode):
    furnished("pip", "install", "-p", "v", "--reinstall", "--link-mode", mode, "beta").ok()
    ran = furnished("cache", "clean").ok()
    assert "kept beta 1.0" in ran.err
    assert furnished.path("v") in ran.err
    assert held(furnished) == ["beta"]
    assert os.path.isfile(os.path.join(furnished.site(), "beta", "__init__.py"))
    furnished("cache", "clean", "--force").ok()
    assert held(furnished) == []


def test_an_environment_that_is_gone_keeps_nothing(furnished):
    furnished("pip", "install", "-p", "v", "--reinstall", "--link-mode", "fold", "beta").ok()
    shutil.rmtree(furnished.path("v"))
    furnished("cache", "clean").ok()
    assert held(furnished) == []


def test_a_dry_run_says_what_would_go_and_takes_nothing(furnished):
    for words in (["clean"], ["clean", "alpha"], ["prune", "--ci"]):
        ran = furnished("cache", *words, "--dry-run").ok()
        assert held(furnished) == ["alpha", "beta", "gamma"]
        assert "Would remove" in ran.err or words[0] == "prune"
    rows = json.loads(furnished("cache", "clean", "--dry-run", "--json").ok().out)
    assert rows["dry_run"] is True
    assert {one["name"] for one in rows["removed"]} == {"alpha", "beta", "gamma"}


# --- prune -----------------------------------------------------------------------------------------------------------------


def test_prune_takes_what_nobody_uses_and_nobody_used_for_long(furnished):
    furnished("cache", "prune").ok()
    assert held(furnished) == ["alpha", "beta", "gamma"]
    for name in ("alpha", "gamma"):
        age(furnished, name, 40)
    furnished("cache", "prune").ok()
    assert held(furnished) == ["alpha", "beta"], "alpha is old, but environments hold it"


def test_prune_by_age(furnished):
    age(furnished, "alpha", 10)
    age(furnished, "gamma", 3)
    furnished("cache", "prune", "--older-than", "30d").ok()
    assert held(furnished) == ["alpha", "beta", "gamma"]
    furnished("cache", "prune", "--older-than", "5d").ok()
    assert held(furnished) == ["beta", "gamma"]
    furnished("cache", "prune", "--older-than", "2").ok()
    assert held(furnished) == ["beta"]


def test_prune_of_what_no_environment_uses(furnished):
    age(furnished, "gamma", 1)
    age(furnished, "alpha", 1)
    furnished("cache", "prune", "--unreferenced").ok()
    assert held(furnished) == ["alpha", "beta"]


def test_prune_to_a_size_takes_the_longest_unused_first(furnished):
    for number, name in enumerate(("beta", "alpha", "gamma")):
        age(furnished, name, 9 - number)
    for environment in ("v", "w"):
        # so that removing frees something
        furnished("pip", "install", "-p", environment, "--reinstall", "--link-mode", "copy", "alpha").ok()
    furnished("pip", "install", "-p", "v", "--reinstall", "--link-mode", "copy", "beta").ok()
    (layer,) = json.loads(furnished("cache", "size", "--json").ok().out)
    one = layer["packages"]["alpha"]["disk"]
    shutil.rmtree(f"{furnished.store}/v1/use")
    furnished("cache", "prune", "--max-size", str(2 * one)).ok()
    assert held(furnished) == ["alpha", "gamma"]
    furnished("cache", "prune", "--max-size", "0").ok()
    assert held(furnished) == []


def test_prune_for_ci_keeps_what_was_built(place):
    cw = Cw(place)
    with IndexServer() as index:
        index.add("alpha-1.0-py3-none-any.whl", make_wheel(cw.path("wheels"), "alpha", "1.0"))
        cw.write(
            "made/pyproject.toml",
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "made"\nversion = "1.0"\n',
        )
        cw.write(
            "made/backend.py",
            "import os, sys\nsys.path.insert(0, os.environ['KIT'])\n"
            "def build_wheel(directory, settings=None, metadata=None):\n"
            "    from kit.wheels import make_wheel\n    return os.path.basename(make_wheel(directory, 'made', '1.0'))\n",
        )
        kit = os.path.dirname(os.path.dirname(os.path.abspath(make_wheel.__code__.co_filename)))
        cw.environ |= {"CW_DEFAULT_INDEX": index.url, "KIT": kit}
        cw("venv", "v").ok()
        cw("pip", "install", "-p", "v", "alpha", "./made").ok()
    assert held(cw) == ["alpha", "made"]
    cw("cache", "prune", "--ci").ok()
    assert held(cw) == ["made"]
    assert not [name for _, _, names in os.walk(f"{cw.store}/v1/pages") for name in names]


def test_words_that_are_no_age_and_no_size_are_told(furnished):
    assert "is not an age" in furnished("cache", "prune", "--older-than", "soon").failed(2).err
    assert "is not a size" in furnished("cache", "prune", "--max-size", "much").failed(2).err


# --- limits that are kept without being asked ------------------------------------------------------------------------------


def test_a_limit_is_kept_by_whoever_brings_something_in(furnished):
    for name in ("alpha", "beta", "gamma"):
        age(furnished, name, 5)
    make_wheel(furnished.path("wheels"), "delta", "1.0")
    furnished("venv", "x").ok()
    limited = {"CW_MAX_SIZE": "1K"}
    furnished("pip", "install", "-p", "x", "delta", environ=limited).ok()
    assert held(furnished) == ["alpha", "beta", "delta"], "gamma went; the others have hard links, delta is new"


def test_a_limit_of_mine_is_none_for_a_store_of_others(furnished):
    shared = furnished.path("shared")
    furnished("cache", "init", "--publish", shared).ok()
    environ = {"CW_LAYERS": shared, "CW_CACHE_DIR": furnished.path("own")}
    furnished("pip", "install", "-p", "v", "--reinstall", "alpha", environ=environ).ok()
    furnished("pip", "uninstall", "-p", "v", "alpha", environ=environ).ok()
    path = f"{shared}/v1/entries"
    (found,) = [name for shard in os.listdir(path) for name in os.listdir(f"{path}/{shard}")]
    cw_entry = f"{path}/{found[:2]}/{found}"
    os.utime(cw_entry, (1, 1))
    for words in (["cache", "prune"], ["pip", "install", "-p", "v", "--reinstall", "beta"]):
        furnished(*words, environ={**environ, "CW_MAX_SIZE": "1", "CW_MAX_AGE": "0d"}).ok()
        assert os.path.isdir(cw_entry)


# --- init ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "mode", "says"),
    [(["--private"], 0o700, "private"), (["--publish"], 0o755, "publish"), (["--group", "0"], 0o2770, "group")],
)
def test_init_makes_a_store_and_tries_it_out(cw, words, mode, says):
    root = cw.path("new", "store")
    ran = cw("cache", "init", root, *words).ok()
    assert os.stat(root).st_mode & 0o7777 == mode
    assert f"is a {says} store" in ran.out
    for what in ("file system", "hard links", "reflinks", "locks", "publishing", "modes"):
        assert what in ran.out
    assert ("CW_LAYERS" in ran.err) is (says != "private")
    told = json.loads(cw("cache", "init", root, *words, "--json").ok().out)
    assert told["usable"] is True
    assert {check["what"] for check in told["checks"]} > {"adding", "room"}
    make_wheel(cw.path("wheels"), "alpha", "1.0")
    cw("venv", "v").ok()
    cw("pip", "install", "-p", "v", "alpha", environ={"CW_LAYERS": root}).ok()
    assert os.listdir(f"{root}/v1/entries")


def test_init_writes_down_what_was_said_and_nothing_of_my_own_habits(cw):
    root = cw.path("store")
    mine = {"CW_LINK_MODE": "symlink", "CW_MAX_SIZE": "1G", "CW_TRUST": "daemon", "CW_KEEP_ARCHIVES": "0"}
    cw("cache", "init", root, "--publish", environ=mine).ok()
    with open(f"{root}/store.toml", encoding="utf-8") as file:
        assert [line for line in file.read().splitlines() if not line.startswith("#")] == ['sharing = "publish"']
    words = ["--link-mode", "fold", "--max-size", "200G", "--trust", "daemon", "--keep-archives"]
    cw("cache", "init", root, "--publish", *words, environ=mine).ok()
    with open(f"{root}/store.toml", encoding="utf-8") as file:
        text = file.read()
    for line in ('link-mode = "fold"', f"max-size = {200 << 30}", 'trust = ["daemon"]', "keep-archives = true"):
        assert line in text


def test_init_without_a_directory_is_about_the_personal_store(cw):
    cw("cache", "init", "--private").ok()
    assert os.path.isfile(f"{cw.store}/store.toml")


@pytest.mark.parametrize("words", [[], ["--private", "--publish"], ["--group", "g", "--private"]])
def test_init_wants_one_way_of_sharing(cw, words):
    assert "--private, --group NAME, or --publish" in cw("cache", "init", cw.path("x"), *words).failed(2).err
    assert not os.path.exists(cw.path("x"))


def test_init_changes_no_modes_of_what_exists(cw):
    root = cw.path("store")
    cw("cache", "init", root, "--private").ok()
    assert "shared as `private`" in cw("cache", "init", root, "--publish").failed(1).err
    assert (
        "there is no group `nobody-knows-it`"
        in cw("cache", "init", cw.path("y"), "--group", "nobody-knows-it").failed(2).err
    )


# --- the archives ----------------------------------------------------------------------------------------------------------


def test_archives_are_kept_where_the_setting_says_so(cw):
    make_wheel(cw.path("wheels"), "alpha", "1.0")
    cw("venv", "v").ok()
    cw("pip", "install", "-p", "v", "alpha", environ={"CW_KEEP_ARCHIVES": "1"}).ok()
    assert os.listdir(f"{entry(cw, 'alpha')}/wheel") == ["alpha-1.0-py3-none-any.whl"]


# --- verify ----------------------------------------------------------------------------------------------------------------


def test_repair_fetches_again_what_an_environment_cannot_do_without(place):
    """Taken out of use, a bad entry would leave links of folded environments that lead nowhere."""
    cw = Cw(place)
    with IndexServer() as index:
        index.add("alpha-1.0-py3-none-any.whl", make_wheel(cw.path("wheels"), "alpha", "1.0"))
        cw.environ["CW_DEFAULT_INDEX"] = index.url
        cw("venv", "v").ok()
        cw("pip", "install", "-p", "v", "--link-mode", "fold", "alpha").ok()
        path = f"{entry(cw, 'alpha')}/tree/alpha/__init__.py"
        with open(path, "w", encoding="utf-8") as file:
            file.write("EDITED")
        ran = cw("cache", "verify", "--repair").ok()
        assert "it was replaced" in ran.out
        with open(os.path.join(cw.site(), "alpha", "__init__.py"), encoding="utf-8") as file:
            assert file.read() == '__version__ = "1.0"\n'
        assert len(index.seen("/files/alpha/alpha-1.0-py3-none-any.whl")) == 2
