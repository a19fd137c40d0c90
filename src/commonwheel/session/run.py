"""What the parts of a session need of the run that they belong to. For the type checker alone: nothing imports it when cw runs."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from commonwheel.concurrency.forked_workers import Standing
    from commonwheel.events import Reporter
    from commonwheel.fs.start import Start
    from commonwheel.session.lifetime import Lifetime
    from commonwheel.settings.settings import Settings
    from commonwheel.store.records import Records
    from commonwheel.store.store import Store
    from commonwheel.store.trust import Trust

    class Run(Protocol):
        """One run of cw: `session.session.Session`."""

        settings: Settings
        environ: Mapping[str, str]
        cwd: str
        command: str
        words: tuple[str, ...]
        lifetime: Lifetime

        @property
        def reporter(self) -> Reporter:
            """Return the reporter."""

        @property
        def command_line(self) -> str:
            """Return what the user typed, without secrets."""

        @property
        def trust(self) -> Trust:
            """Return whose files count."""

        @property
        def start(self) -> Start:
            """Return the directory that the user started in, to look upward from it."""

        @property
        def records(self) -> Records:
            """Return what the layers of the store remember."""

        @property
        def store(self) -> Store:
            """Return the store."""

        @property
        def copies(self) -> Standing | None:
            """Return copies of this process that parse pages and unpack wheels, None where there are none."""

        def rest(self) -> None:
            """End the copies of this process."""
