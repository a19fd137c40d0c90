"""The installation report of pip (format 1): what an installation did, for scripts.

Source: pip's documentation, "Installation report". Values in, plain JSON values out.
"""

from commonwheel.model import Digest, PathSource, VcsSource
from commonwheel.specs import file_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.model import Pin, Plan

_MULTIPLE = frozenset(
    (
        "classifier", "dynamic", "license-file", "obsoletes-dist", "platform", "project-url", "provides-dist", "provides-extra",
        "requires-dist", "requires-external", "supported-platform",
    )
)  # fmt: skip


def of_plan(
    plan: "Plan",
    metadata: "Mapping[str, Mapping[str, tuple[str, ...]]]",
    markers: "Mapping[str, str]",
    version: str,
    hashes: "Mapping[str, str]",
) -> dict[str, object]:
    """Return the report of what a plan adds, by name: `metadata` fields of each distribution, `hashes` sha256 of its wheel."""
    return {
        "version": "1",
        "pip_version": "",
        "cw_version": version,
        "install": [_row(pin, metadata.get(pin.name, {}), hashes.get(pin.name, "")) for pin in plan.add],
        "environment": dict(markers),
    }


def _row(pin: "Pin", fields: "Mapping[str, tuple[str, ...]]", sha256: str) -> dict[str, object]:
    return {
        "download_info": _download_info(pin, sha256),
        "is_direct": pin.source is not None,
        "is_yanked": bool(pin.candidate is not None and pin.candidate.yanked is not None),
        "requested": pin.requested,
        **({"requested_extras": list(pin.extras)} if pin.extras else {}),
        "metadata": json_fields(fields),
    }


def json_fields(fields: "Mapping[str, tuple[str, ...]]") -> dict[str, object]:
    """Return metadata fields in the JSON form of PEP 566."""
    return {
        name.replace("-", "_"): list(values) if name in _MULTIPLE else values[0]
        for name, values in fields.items()
        if values
    }


def _download_info(pin: "Pin", sha256: str) -> dict[str, object]:
    source = pin.source
    if pin.candidate is not None:
        is_wheel = pin.candidate.kind == "wheel"
        digests = pin.candidate.digests or ((Digest("sha256", sha256),) if sha256 and is_wheel else ())
        return {"url": pin.candidate.url.bare, "archive_info": _archive_info(digests)}
    if isinstance(source, VcsSource):
        info = {"vcs": source.kind, "commit_id": source.commit or ""}
        if source.revision:
            info["requested_revision"] = source.revision
        return {"url": source.url.bare, "vcs_info": info}
    if isinstance(source, PathSource):
        url = file_url.from_path(source.path)
        if source.path.endswith((".whl", ".gz", ".zip", ".bz2", ".xz", ".tar")):
            return {"url": url, "archive_info": _archive_info(source.digests)}
        return {"url": url, "dir_info": {"editable": True} if source.editable else {}}
    if source is not None:
        return {"url": source.url.bare, "archive_info": _archive_info(source.digests)}
    return {}


def _archive_info(digests: "tuple[Digest, ...]") -> dict[str, object]:
    hashes = dict(str(digest).split(":", 1) for digest in digests)
    found: dict[str, object] = {"hashes": hashes}
    if hashes:
        name, value = next(iter(hashes.items()))
        found["hash"] = f"{name}={value}"
    return found
