"""
Attributes of Deferred's that a subclass declares again, as in ``called = False``.

Stock's methods set such an attribute on the instance, and the class has what an instance begins
with.  Here it is a field of the C object; so that ``self.called = True`` reaches that field, a
:class:`Default` takes the place of the value in the class.
"""

from __future__ import annotations

from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

#: A descriptor over one of the fields of the C object
Field = GetSetDescriptorType | MemberDescriptorType

#: What the fields begin with that are there from the start, and what stock's class has
BEGINNING = {
    "called": False,
    "paused": 0,
    "_suppressAlreadyCalled": False,
    "_runningCallbacks": False,
    "_chainedTo": None,
    "_debugInfo": None,
}


class Default:
    """A class's own value of a field: the class shows it, and its instances begin with it."""

    def __init__(self, field: Field, value: object) -> None:
        self.field = field
        self.value = value

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Give the value to who asks the class; to others what the field has, if it is there."""
        if instance is None:
            return self.value
        try:
            return self.field.__get__(instance, owner)
        except AttributeError:
            return self.value

    def __set__(self, instance: object, value: object) -> None:
        self.field.__set__(instance, value)

    def __delete__(self, instance: object) -> None:
        """Bring back what the class has."""
        self.field.__set__(instance, self.value)


def fields(cls: type) -> dict[str, Field]:
    """The fields that a C class adds to those of its bases, by name."""
    found = (item for item in vars(cls).items() if item[0][:2] != "__")
    return {name: value for name, value in found if isinstance(value, Field)}


def is_value(found: object) -> bool:
    """Whether what a class has is a plain value: no property, slot or method."""
    return not hasattr(type(found), "__get__")


def _settled(cls: type, field: Field, name: str) -> Default | None:
    """What the class has in the place of a plain value of its own or of a base's; or None."""
    for owner in cls.__mro__:
        found: Any = vars(owner).get(name, cls)
        if isinstance(found, Default):
            return found
        if found is cls:
            continue
        if not is_value(found):
            break
        default = Default(field, found)
        # In a mixin that is no Deferred the value stays.
        place = owner if issubclass(owner, field.__objclass__) else cls
        type.__setattr__(place, name, default)
        return default
    return None


def settle(cls: type, fields: dict[str, Field]) -> dict[Field, object] | None:
    """
    Have a subclass find the fields by their names again.

    :return: what its instances begin with, for the fields that begin with another value.
    """
    begins = {}
    for name, field in fields.items():
        default = _settled(cls, field, name) if issubclass(cls, field.__objclass__) else None
        if default is not None and default.value is not BEGINNING.get(name, default):
            begins[field] = default.value
    return begins or None
