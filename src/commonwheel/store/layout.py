"""The store on disk, format 1: whoever wants to know where something lies, asks here.

A store is a directory. `SHAPE` below draws it, docs/store-format.md explains it, and a golden store in the tests holds
us to it: what format 1 wrote is readable for ever.

The laws of this file, and of the format:

1. Every path below a store's root is built here and recognised here, and nowhere else. All of them are relative to the
   root, with `/`: nothing inside a store knows where the store is, so it can be copied, mounted elsewhere, or baked into
   an image.
2. `FORMAT` is the only version number. It is the first part of every path, so that two formats can live side by side
   and neither sees the other.
3. A name that this file does not recognise is not there. A newer Commonwheel, a backup tool and a file server (`.nfs…`)
   may leave what they like.
4. Everything with a name is complete and never changes. What is being made is called `.tmp-…`, what is being removed
   `.trash-…`, beside the place concerned.
5. Names are lower-case ASCII, at most 255 bytes, and no directory has to hold millions: file systems that fold case or
   limit names and directories hold a store like any other.

No I/O here, no clock, no user: strings in, strings out.
"""

from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

FORMAT: "Final" = 1
VERSION: "Final" = f"v{FORMAT}"

# ---- at the root, for every format ---------------------------------------------------------------------------------

POLICY = "store.toml"
CACHE_TAG = "CACHEDIR.TAG"
GITIGNORE = ".gitignore"

#: What backup programs look for (https://bford.info/cachedir): its first 43 bytes are the signature.
CACHE_TAG_TEXT = b"Signature: 8a477f597d28d172789f06886806bc55\n# This directory is a store of Commonwheel.\n"
GITIGNORE_TEXT = b"*\n"

# ---- the rooms of a store ------------------------------------------------------------------------------------------

ENTRIES = f"{VERSION}/entries"
IMAGES = f"{VERSION}/images"
POINTERS = f"{VERSION}/pointers"
BUILDS = f"{VERSION}/builds"
GIT = f"{VERSION}/git"
ROOTS = f"{VERSION}/roots"
USE = f"{VERSION}/use"
LEASES = f"{VERSION}/leases"

#: Rooms of plain records, `Store.get` and `Store.put`: true for those that describe this machine or this user, and are
#: therefore kept in a personal layer and never shared.
SPACES = {
    "pages": False, "metadata": False, "interpreters": True, "defaults": True, "settled": True,
    "answers": True,
    # of indexes that are asked with credentials, or over plain http: what they tell one user is not told to others
    "private-pages": True, "private-metadata": True,
}  # fmt: skip

# ---- inside one entry ----------------------------------------------------------------------------------------------

HEADER = "entry.txt"
FILES = "files.txt"
TREE = "tree"
WHEEL = "wheel"
SETTLED = "settled"

#: Inside an image, beside its tree.
IMAGE = "image.txt"

#: Where bytecode is: in images, where it is listed. A Python that may write there, such as root's, makes it in other trees too, and it is damage.
BYTECODE = "__pycache__"

TEMPORARY = ".tmp-"
TRASH = ".trash-"

# ---- modes: what a store is made of, whatever the umask of whoever makes it --------------------------------------------

FILE_MODE = 0o444
EXECUTABLE_MODE = 0o555
TREE_MODE = 0o555
#: When directories of a tree were changed last, in seconds since the epoch: one that says another time may have other names in it.
TREE_TIME = 315_532_800
#: An entry's own directory: its maker may add `settled`, or take the entry apart; nobody else.
ENTRY_MODE = 0o755

_DIGEST = 64
_HEX = frozenset("0123456789abcdef")
_PLAIN = frozenset("0123456789abcdefghijklmnopqrstuvwxyz-_.~@")
_LONGEST = 200


def is_digest(text: str) -> bool:
    """Return whether `text` is a sha256 as it stands in names: 64 lower-case hexadecimal digits."""
    return len(text) == _DIGEST and _HEX.issuperset(text)


# ---- entries -------------------------------------------------------------------------------------------------------


def shard(digest: str) -> str:
    """Return the directory that holds entries of `digest`: 256 of them, and a million entries stay 4,000 to each."""
    return f"{ENTRIES}/{digest[:2]}"


def entry(digest: str, uid: int | None = None) -> str:
    """Return the directory of an entry.

    With a `uid` it is that user's own copy, beside an entry of the plain name that he does not trust and cannot move.
    """
    return f"{ENTRIES}/{digest[:2]}/{digest}" if uid is None else f"{ENTRIES}/{digest[:2]}/{digest}.{uid}"


def digest_of_entry(name: str) -> str | None:
    """Return the digest in the last part of an entry's path, or None if it is not the name of an entry."""
    digest, dot, uid = name.partition(".")
    if not is_digest(digest) or (dot and not (uid.isascii() and uid.isdigit())):
        return None
    return digest


def image(digest: str, tag: str) -> str:
    """Return the directory of an entry's image: its tree once more, with the bytecode of the interpreter `tag`."""
    return f"{IMAGES}/{digest[:2]}/{digest}-{encoded(tag)}"


def image_named(name: str) -> str:
    """Return the directory of the image of this name."""
    return f"{IMAGES}/{name[:2]}/{name}"


def digest_of_image(name: str) -> str | None:
    """Return the digest in the last part of an image's path, or None if it is not the name of an image."""
    digest, hyphen, tag = name.partition("-")
    return digest if hyphen and tag and is_digest(digest) else None


# ---- records -------------------------------------------------------------------------------------------------------


def record(space: str, key: str) -> str:
    """Return the file of a record; each `/` in its key is a directory: `simple/numpy` in `pages`.

    A space that is not in `SPACES` is a mistake in the program: KeyError.
    """
    SPACES[space]
    return "/".join((VERSION, space, *map(encoded, key.split("/"))))


def pointer(key: str) -> str:
    """Return the file that says which entry the URL or the source `key` led to."""
    name = encoded(key)
    return f"{POINTERS}/{_spread(name)}/{name}"


def build(key: str) -> str:
    """Return the directory for what was built from the source `key`."""
    return f"{BUILDS}/{encoded(key)}"


def git(key: str) -> str:
    """Return the directory for the clone of the repository `key`."""
    return f"{GIT}/{encoded(key)}"


def roots(uid: int) -> str:
    """Return the directory in which a user says which environments use entries."""
    return f"{ROOTS}/{uid}"


def root(uid: int, digest: str) -> str:
    """Return the file for one environment; `digest` is the sha256 of its path."""
    return f"{ROOTS}/{uid}/{digest}"


def use(uid: int) -> str:
    """Return the directory of a user's notes on when entries were last used."""
    return f"{USE}/{uid}"


def used_on(uid: int, day: str) -> str:
    """Return the file that lists what a user used on a day (`2025-11-22`)."""
    return f"{USE}/{uid}/{day}"


def lease(digest: str) -> str:
    """Return the lock of whoever is fetching `digest`; to wait for him saves a download, and nothing depends on it."""
    return f"{LEASES}/{digest}"


# ---- names ---------------------------------------------------------------------------------------------------------


def is_leftover(name: str) -> bool:
    """Return whether this is the name of something unfinished, or on its way out."""
    return name.startswith((TEMPORARY, TRASH))


def encoded(text: str) -> str:
    """Return `text`, whatever it is, as a file name, different from that of any other text; longer ones as a path.

    What is not plain (capitals too: some file systems fold case) becomes `%` and two digits for each byte. A name too
    long is cut; each part but the last ends in `+`, which no other name holds, so that a part is never mistaken for a
    whole.
    """
    if not _PLAIN.issuperset(text) or text[:1] == ".":
        text = "".join(
            letter if letter in _PLAIN and (letter != "." or at) else _escape(letter) for at, letter in enumerate(text)
        )
    if len(text) <= _LONGEST:
        return text or "%"
    return "+/".join(text[at : at + _LONGEST] for at in range(0, len(text), _LONGEST))


def _escape(letter: str) -> str:
    return "".join(f"%{byte:02x}" for byte in letter.encode("utf-8", "surrogatepass"))


def _spread(name: str) -> str:
    """Return two hexadecimal digits that depend on every letter of `name`: the last of its crc32."""
    return f"{crc32(name.encode()) & 0xFF:02x}"


# ---- the drawing ---------------------------------------------------------------------------------------------------

_EXAMPLE = "ab5d…"

#: Depth, name and duty of everything in a store; docs/store-format.md holds the same drawing, and a test compares them.
SHAPE = (
    (0, f"{CACHE_TAG}  {GITIGNORE}", "for backup programs, and for git"),
    (0, POLICY, "how this store is shared; optional: without it the store is as private as its directory"),
    (0, f"{VERSION}/", "the version of the format"),
    (1, f"entries/ab/{_EXAMPLE}/", "one unpacked wheel, named by the sha256 of the wheel; never changes"),
    (2, HEADER, "what is needed to resolve and to link: one read"),
    (2, FILES, "every file of the tree: path, size, time, executable, sha256"),
    (2, f"{TREE}/", "the wheel as unpacked: files 0444 or 0555, directories 0555"),
    (2, f"{WHEEL}/demo-1.0-py3-none-any.whl", "the wheel itself, in stores that are shared"),
    (2, SETTLED, "the data is on disk for certain: a reboot is no reason to doubt it"),
    (1, f"entries/ab/{_EXAMPLE}.1001/", "the own copy of user 1001, who does not trust the entry beside it"),
    (1, f"images/ab/{_EXAMPLE}-cpython-312/", "an entry with the bytecode of one interpreter"),
    (2, IMAGE, "of which entry, for which interpreter, and every file that was added"),
    (2, f"{TREE}/", "the tree of the entry again, with bytecode"),
    (1, "pages/<index>/<project>", "an index page as it was parsed, with its HTTP validators"),
    (1, "metadata/<index>/<project>", "the metadata of a project's versions, as far as known"),
    (
        1,
        "interpreters/…  defaults/…  settled/…  answers/…",
        "facts about this machine; only in a personal store",
    ),
    (
        1,
        "private-pages/…  private-metadata/…",
        "answers of an index to a user with credentials, or over plain http; only in a personal store",
    ),
    (1, "pointers/ab/<url or source>", "which entry a URL or a source led to"),
    (1, "builds/<source>/  git/<repository>/", "where sources are built; private"),
    (1, "roots/<uid>/<sha256 of a path>", "an environment, and the entries that it uses"),
    (1, "use/<uid>/<day>", "the entries that were used on a day"),
    (1, "leases/<sha256>", "this wheel is being fetched; waiting for it saves a download"),
    (1, f"… /{TEMPORARY}…  … /{TRASH}…", "being made, being removed: readers ignore them"),
)


def drawing() -> str:
    """Return the tree of a store as text."""
    lines = ["<store>/"]
    width = max(len(name) + 4 * depth for depth, name, _ in SHAPE) + 6
    lines.extend(f"{'    ' * (depth + 1)}{name}".ljust(width) + duty for depth, name, duty in SHAPE)
    return "\n".join(lines) + "\n"
