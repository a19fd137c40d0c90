"""What a session hands over."""

from commonwheel.model import Target
from commonwheel.resolve.request import Inputs


def test_preferences_per_package_end_with_an_upgrade() -> None:
    inputs = Inputs(
        (), Target({}, ()), preferences={"a": "1.0", "b": ("2.0", "1.0"), "c": "1.0"}, upgrade_packages=frozenset("c")
    )
    assert inputs.preferred("a") == ("1.0",)
    assert inputs.preferred("b") == ("2.0", "1.0")
    assert inputs.preferred("c") == ()
    assert inputs.preferred("z") == ()
    assert inputs.upgrades("c")
    assert not inputs.upgrades("a")
    assert inputs.replaced(upgrade=True).preferred("a") == ()


def test_lazy_mapping_is_not_read_before_use() -> None:
    class Unread(dict[str, object]):
        def __bool__(self) -> bool:
            raise AssertionError

    Inputs((), Target({}, ()), installed=Unread())  # type: ignore[arg-type]
