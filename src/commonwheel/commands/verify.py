"""`cw verify`: is every file of an environment what was installed? With `--fix`, make it so again."""

from commonwheel.commands import history as history_commands
from commonwheel.install import verify as checks
from commonwheel.model import Value
from commonwheel.python.installed import details

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.install.verify import Finding
    from commonwheel.session.session import Session


class Verified(Value):
    """How many packages were checked, what was found, which packages were mended, and what is left."""

    __slots__ = ("count", "findings", "left", "mended")

    def __init__(
        self, count: int, findings: "tuple[Finding, ...]", mended: "tuple[str, ...]", left: "tuple[Finding, ...]"
    ) -> None:
        self.count: Final = count
        self.findings: Final = findings
        self.mended: Final = mended
        self.left: Final = left


def verify(session: "Session") -> Verified:
    """Check every file of an environment against RECORD and scripts against their interpreters; mend with `--fix`.

    Foreign files are told and never touched.
    """
    fix = session.settings.flag("fix")
    environment = session.environment(mutating=fix)
    if fix:
        session.recover(environment)
    installed = tuple(map(details, session.installed(environment)))
    own = [one for one in installed if one.own]
    task = session.reporter.begin("verify", f"{len(own)} packages", len(own))
    findings = checks.environment(environment, installed)
    session.reporter.end(task)
    names = checks.to_reinstall(findings)
    if not fix or not names:
        return Verified(len(own), findings, (), findings)
    changes = history_commands.reinstall(session, environment, names)
    left = checks.environment(environment, tuple(map(details, session.installed(environment))))
    return Verified(len(own), findings, tuple(row.name for row in changes.rows), left)
