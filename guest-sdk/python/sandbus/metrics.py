"""Metrics of the handler's own, exported with the attribute ``handler.name``::

    ORDERS = metrics.Counter("orders")
    VALUE = metrics.Histogram("order_value_cents")

    ORDERS.add(1, currency="EUR")
    VALUE.record(1999)

Names and attribute keys are ``[a-z][a-z0-9_]{0,63}`` and do not end in ``_total``; the values of attributes are text,
which ``int``, ``float`` and ``bool`` become (``1``, ``1.5``, ``true``). What is recorded in a failed try counts too, so
record last. The numbers of names and of attribute sets are bounded by the host; what it refuses (``bad_name``,
``bad_attribute``, ``bad_value``) changes nothing and is raised as :class:`sandbus.Refusal`.
"""

from __future__ import annotations

from typing import Final

from . import _given
from ._errors import Refusal
from ._given import AttributeValue
from ._host import door

__all__ = ["Counter", "Histogram", "UpDown"]

_U64: Final = 2**64
_S64: Final = 2**63


class _Instrument:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        """The instrument of that name. Whether the host takes the name shows where it is used."""
        self.name = _given.text("a metric's name", name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Counter(_Instrument):
    """A number that only grows: ``sandbus.guest.counter.<name>``."""

    __slots__ = ()

    def add(self, value: int = 1, /, **attributes: AttributeValue) -> None:
        """Adds to it."""
        value = _given.whole(f'the counter "{self.name}"', value)
        if not 0 <= value < _U64:
            raise Refusal("bad_value", f'nothing can add {value} to the counter "{self.name}"')
        checked = _given.attributes(attributes)
        door.open().counter_add(self.name, value, checked)


class Histogram(_Instrument):
    """A distribution of values: ``sandbus.guest.histogram.<name>``."""

    __slots__ = ()

    def record(self, value: float, /, **attributes: AttributeValue) -> None:
        """Records a value, which must be finite."""
        value, checked = _given.real(f'the histogram "{self.name}"', value), _given.attributes(attributes)
        door.open().histogram_record(self.name, value, checked)


class UpDown(_Instrument):
    """A number that goes up and down: ``sandbus.guest.updown.<name>``."""

    __slots__ = ()

    def add(self, value: int, /, **attributes: AttributeValue) -> None:
        """Adds to it, or takes from it."""
        value = _given.whole(f'the metric "{self.name}"', value)
        if not -_S64 <= value < _S64:
            raise Refusal("bad_value", f'nothing can add {value} to "{self.name}"')
        checked = _given.attributes(attributes)
        door.open().updown_add(self.name, value, checked)
