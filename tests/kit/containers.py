"""A stand-in for `docker` and `podman`: it carries out a Dockerfile, and runs commands in what came out, on machines to throw away.

It knows what the documentation uses, and refuses everything else, so that a page cannot drift away from what is tried here.
What it cannot show is the isolation of a container from its host: users, mounts and modes are real, name spaces are not.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from typing import TYPE_CHECKING

from kit import mounts
from kit.machine import Done, Machine, machine

if TYPE_CHECKING:
    from collections.abc import Mapping


class Containers:
    """Images by name, made from Dockerfiles of one machine."""

    def __init__(self, host: Machine, index: str) -> None:
        self._host = host
        self._index = index
        self._images: dict[str, _Image] = {}
        self._caches: dict[str, str] = {}
        self._stack = contextlib.ExitStack()

    def __call__(self, words: list[str], cwd: str) -> Done:
        """Carry out one command line, which begins with `docker` or `podman`, in a directory of the host."""
        command = shlex.join(words)
        if words[1] == "build":
            return Done(command, 0, self._build(words[2:], cwd))
        if words[1] == "run":
            return self._run(words[2:])
        if words[1:3] == ["volume", "create"]:
            os.makedirs(self._host.path(f"/var/volumes/{words[3]}"))
            return Done(command, 0, words[3] + "\n")
        raise ValueError(f"the stand-in for containers does not know `{command}`")

    def close(self) -> None:
        """Remove all images."""
        self._stack.close()

    # --- docker build ---

    def _build(self, words: list[str], cwd: str) -> str:
        file, name = "Dockerfile", ""
        while len(words) > 1:
            option = words.pop(0)
            if option == "-t":
                name = words.pop(0)
            elif option == "-f":
                file = words.pop(0)
            else:
                raise ValueError(f"the stand-in for `docker build` does not know `{option}`")
        image = _Image(self._stack.enter_context(machine(index=self._index)))
        # installing cw itself is tried elsewhere: here it is the one of this repository already
        image.machine.write("/usr/local/bin/pip", '#!/bin/sh\ntest "$*" = "install commonwheel"\n', mode=0o755)
        with open(self._host.path(os.path.join(cwd, file)), encoding="utf-8") as stream:
            text = re.sub(r"\\\n\s*", " ", stream.read())
        for line in text.splitlines():
            verb, _, rest = line.strip().partition(" ")
            if verb and not verb.startswith("#"):
                self._instruct(image, verb, rest.strip(), cwd)
        self._images[name] = image
        return ""

    def _instruct(self, image: _Image, verb: str, rest: str, cwd: str) -> None:
        if verb == "RUN":
            while rest.startswith("--mount="):
                mount, _, rest = rest.partition(" ")
                self._mount(image.machine, mount.removeprefix("--mount="), cwd)
                rest = rest.strip()
            image.must(rest)
        elif verb == "ENV":
            image.variables.update(word.partition("=")[::2] for word in shlex.split(rest))
        elif verb == "WORKDIR":
            os.makedirs(image.machine.path(rest), exist_ok=True)
            image.directory = rest
        elif verb == "COPY":
            *sources, target = shlex.split(rest)
            target = os.path.normpath(os.path.join(image.directory, target))
            for source in sources:
                path = self._host.path(os.path.join(cwd, source))
                where = os.path.join(target, os.path.basename(source))
                shutil.copy(
                    path, image.machine.path(where if len(sources) > 1 or rest.endswith((".", "/")) else target)
                )
        elif verb == "USER":
            image.user = rest
        elif verb not in {"FROM", "CMD", "ENTRYPOINT"}:
            raise ValueError(f"the stand-in for `docker build` does not know `{verb}`")

    def _mount(self, made: Machine, text: str, cwd: str) -> None:
        given = dict(part.partition("=")[::2] for part in text.split(","))
        target = given["target"]
        if given["type"] == "cache":
            if target not in self._caches:
                self._caches[target] = f"/var/caches/{len(self._caches)}"
                os.makedirs(self._host.path(self._caches[target]))
            source = self._host.path(self._caches[target])
        elif given["type"] == "bind":
            source = self._host.path(os.path.join(cwd, given["source"]))
        else:
            raise ValueError(f"the stand-in for `docker build` does not know `{text}`")
        self._bind(made, source, target, read_only=given["type"] == "bind")

    def _bind(self, made: Machine, source: str, target: str, *, read_only: bool) -> None:
        real = made.path(target)
        if os.path.isdir(source):
            os.makedirs(real, exist_ok=True)
            self._stack.enter_context(mounts.bind(source, real, read_only=read_only))
        else:
            os.makedirs(os.path.dirname(real), exist_ok=True)
            shutil.copy(source, real)

    # --- docker run ---

    def _run(self, words: list[str]) -> Done:
        user, groups, read_only = "", "", False
        variables: dict[str, str] = {}
        volumes: list[str] = []
        scratch: list[str] = []
        while words[0].startswith("-"):
            option, _, value = words.pop(0).partition("=")
            if (
                option in {"-v", "-u", "-e", "--group-add", "--tmpfs", "--network", "--user", "--env", "--volume"}
                and not value
            ):
                value = words.pop(0)
            if option in {"-u", "--user"}:
                user = value
            elif option == "--group-add":
                groups = value
            elif option in {"-e", "--env"}:
                variables.update([value.partition("=")[::2]])
            elif option in {"-v", "--volume"}:
                volumes.append(value)
            elif option == "--tmpfs":
                scratch.append(value)
            elif option == "--read-only":
                read_only = True
            elif option not in {"--rm", "--network"}:
                raise ValueError(f"the stand-in for `docker run` does not know `{option}`")
        image = self._images[words.pop(0)]
        with contextlib.ExitStack() as stack:
            started = stack.enter_context(machine(on=image.machine, index=self._index))
            for volume in volumes:
                source, target, *flags = volume.split(":")
                path = source if source.startswith("/") else f"/var/volumes/{source}"
                os.makedirs(started.path(target), exist_ok=True)
                point = started.path(target)
                stack.enter_context(mounts.bind(self._host.path(path), point, read_only="ro" in flags))
            for target in scratch:
                stack.enter_context(mounts.tmpfs(started.path(target), "256m"))
            stack.callback(started.close)
            if read_only:
                # the temporary directory of the machine kit is not part of what a container has
                mounts.remount_read_only(started.root)
            return image.run(started, shlex.join(words), user or image.user, groups, variables)


class _Image:
    """The machine that a Dockerfile made, and what it sets for every command."""

    def __init__(self, made: Machine) -> None:
        self.machine = made
        self.variables: dict[str, str] = {}
        self.directory = "/"
        self.user = ""

    def must(self, command: str) -> None:
        """Run a command of the Dockerfile. RuntimeError: it failed."""
        done = self.run(self.machine, command, self.user, "", {})
        if done.code != 0:
            raise RuntimeError(f"RUN {command}: exit status {done.code}\n{done.output}")

    def run(self, where: Machine, command: str, user: str, groups: str, more: Mapping[str, str]) -> Done:
        """Run a command with the user, variables and directory of the image."""
        words = [f"{name}={value}" for name, value in {**self.variables, **more}.items()]
        environ = f"env {shlex.join(words)} " if words else ""
        uid, _, gid = user.partition(":")
        as_user = (
            f"setpriv --reuid {uid} --regid {gid or uid} {'--groups ' + groups if groups else '--clear-groups'} "
            if uid
            else ""
        )
        home = "HOME=/ " if uid.isdigit() else ""
        script = shlex.quote(f"cd {shlex.quote(self.directory)} && {command}")
        return where.shell().run(f"{home}{environ}{as_user}bash -c {script}")
