"""Make the development environment: a virtual environment with Commonwheel (editable) and all that its checks need.

Usage: python3 tools/setup.py DIRECTORY. Needs Python 3.11 or newer with `venv`, and an index that pip can reach. As root on
Debian it also installs the programs that the tests of filesystems and users drive.
"""

import os
import shutil
import subprocess
import sys
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEBIAN = {
    "fusermount3": "fuse3",
    "mkfs.xfs": "xfsprogs",
    "mkfs.btrfs": "btrfs-progs",
    "mkfs.ext4": "e2fsprogs",
    "setfacl": "acl",
    "git": "git",
    "useradd": "passwd",
    "zsh": "zsh",
    "fish": "fish",
    "tcsh": "tcsh",
    "cc": "gcc",
    "strace": "strace",
}


def main() -> int:
    """Set everything up and return 0."""
    directory = sys.argv[1]
    if sys.version_info < (3, 11):
        print("Commonwheel needs Python 3.11 or newer: make PYTHON=python3.11 ...", file=sys.stderr)
        return 1
    programs()
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    python = os.path.join(directory, "bin", "python")
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as stream:
        project = tomllib.load(stream)
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
        "editables",
    ]
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--upgrade", "pip"], check=True)
    subprocess.run([*install, *wanted], check=True)
    subprocess.run([*install, "--no-deps", "--no-build-isolation", "--editable", ROOT], check=True)
    return 0


def programs() -> None:
    """Install the Debian programs that are missing, where this user may; say so where not."""
    lacking = {
        package
        for program, package in DEBIAN.items()
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    }
    if (
        os.path.exists("/usr/bin/python3")
        and subprocess.run(
            ["/usr/bin/python3", "-c", "import ensurepip"], check=False, stderr=subprocess.DEVNULL
        ).returncode
    ):
        lacking.add("python3-venv")
    missing = sorted(lacking)
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(
            f"Missing: {' '.join(missing)}. The tests that need them will be skipped (and fail in CI).", file=sys.stderr
        )
        return
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=environ)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
        check=False,
        env=environ,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(main())
