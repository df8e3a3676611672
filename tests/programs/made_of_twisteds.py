"""Classes that a program makes of Twisted's and of abstract classes, protocols, generics."""

import abc
import enum
from types import new_class
from typing import Generic, Protocol, TypeVar, runtime_checkable

from twisted.internet import protocol, reactor
from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, DeferredList, DeferredLock, succeed
from twisted.protocols.basic import LineReceiver
from zope.interface import Interface, implementer

T = TypeVar("T")


class Closing(Protocol):
    def close(self): ...


@runtime_checkable
class Firing(Protocol):
    def callback(self, result): ...


class Abstract(abc.ABC):
    @abc.abstractmethod
    def close(self): ...


class IClosing(Interface):
    pass


class Mixin:
    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        print("  mixin told of", cls.__name__)


class Meta(abc.ABCMeta):
    pass


class WithMeta(metaclass=Meta):
    pass


class Kind(enum.Enum):
    ONE = 1


def close(self):
    return "closed"


def attempt(what):
    try:
        return what()
    except Exception as error:
        return type(error).__name__


def show(kind, bases, arguments):
    made = attempt(lambda: new_class("Made", bases, {}, lambda names: names.update(close=close)))
    if isinstance(made, str):
        print("  ", made)
        return
    origins = [getattr(base, "__origin__", base) for base in bases]
    print("  ", [issubclass(made, base) for base in origins if base is not Closing])
    if arguments is not None:
        thing = attempt(lambda: made(*arguments))
        print("  ", isinstance(thing, kind), attempt(lambda: thing.close()))


BASES = {
    "protocol": (Closing,),
    "runtime protocol": (Firing,),
    "abstract": (Abstract,),
    "abc": (abc.ABC,),
    "generic": (Generic[T],),
    "metaclass": (WithMeta,),
    "mixin": (Mixin,),
    "two": (Abstract, Closing),
}
KINDS = {
    "Deferred": (Deferred, ()),
    "DeferredList": (DeferredList, ([],)),
    "LineReceiver": (LineReceiver, ()),
    "reactor": (type(reactor), None),
}

for name, (kind, arguments) in KINDS.items():
    for other, bases in BASES.items():
        for first in (True, False):
            order = (kind, *bases) if first else (*bases, kind)
            if not first and other in ("generic", "protocol", "runtime protocol", "two"):
                continue  # typing's own rules on the order of bases
            if (name, other) != ("reactor", "metaclass"):  # a known difference
                print(name, other, first)
                show(kind, order, arguments)


class StillAbstract(Deferred, Abstract):
    pass


print(attempt(StillAbstract))
print(isinstance(Deferred(), Firing), isinstance(succeed(1), abc.ABC))


class Typed(Deferred[T], Generic[T]):
    pass


fired = []
Typed().addCallback(fired.append).callback(7)
print(fired, isinstance(Typed(), Deferred))


@implementer(IClosing)
class Zope(Deferred):
    pass


print(IClosing.providedBy(Zope()), IClosing.implementedBy(Zope))


@Deferred.register
class Registered:
    pass


print(isinstance(Registered(), Deferred), issubclass(Registered, Deferred), isinstance(1, Deferred))
print(type(Deferred).__name__, type(DeferredList).__name__, type(Kind).__name__)
print(Deferred.__abstractmethods__, isinstance(DeferredLock().acquire(), Deferred))
print(issubclass(DelayedCall, object), issubclass(protocol.Protocol, abc.ABC))
