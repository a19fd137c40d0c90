"""Open configuration files for the settings: those of a project only if nobody else may have put them there."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.fs.start import Start


class Finder:
    """Open the files of one run (`settings.Finder`). Warnings wait until there is something that shows them."""

    def __init__(self, start: str) -> None:
        self._path = start
        self._start: Start | None = None
        self._waiting: list[str] = []
        self._show: Callable[[str], object] | None = None

    def project(self, path: str, trusted: "Sequence[str]", matters: "Callable[[bytes], bool]") -> bytes | None:
        """Return the content of a file at or above the start, None if it is not there or does not count."""
        if self._start is None:
            from commonwheel.fs.start import Start
            from commonwheel.store.trust import Trust

            self._start = Start(self._path, lambda owner: Trust((*trusted, str(owner))), self.warn)
        return self._start.read(path, matters)

    def own(self, path: str) -> bytes | None:
        """Return the content of a file of the user's or the system's configuration, None if it is not there.

        It is found through variables, which are the user's word; but under `sudo -E` these name another user's home. So the file itself
        must be mine or root's.
        """
        if not os.path.lexists(path):
            return None
        from commonwheel.fs.start import Start
        from commonwheel.store.trust import Trust

        return Start(os.path.dirname(path), lambda _: Trust(), self.warn).read(path)

    def warn(self, message: str) -> None:
        """Show a warning, or keep it until there is something to show it."""
        if self._show is None:
            self._waiting.append(message)
        else:
            self._show(message)

    def hear(self, show: "Callable[[str], object]") -> None:
        """Show warnings from now on, the ones that wait first."""
        self._show = show
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            show(message)
