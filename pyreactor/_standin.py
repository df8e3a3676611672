"""Put C methods in the places of the Python functions of Twisted's that they stand for."""

from __future__ import annotations

from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType, MethodDescriptorType
from typing import TypeVar

from pyreactor._core import StandIn

_T = TypeVar("_T", bound=type)


def _function(cls: type, name: str) -> FunctionType | None:
    """The first Python function that the class or a base of it has by that name."""
    for each in cls.__mro__:
        found = vars(each).get(name)
        if type(found) is FunctionType:  # a StandIn is one by its __class__ only
            return found
    return None


def stand_in(cls: _T, stock: type | None = None) -> _T:
    """
    Make the C methods of a class stand in for functions of Twisted's by the same names.

    Special methods stay as they are, as calling them is the interpreter's own way to C.

    :param cls: a C type, or a class that has such types before Twisted's among its bases.
    :param stock: the class that has the functions, if `cls` does not derive from it.
    :return: `cls`, with a ``StandIn`` for each such method.
    """
    for name in {name for each in cls.__mro__ for name in vars(each)}:
        function = _function(stock or cls, name)
        if function is None or name.startswith("__"):
            continue
        method: object = next(vars(each)[name] for each in cls.__mro__ if name in vars(each))
        if isinstance(method, StandIn) and method.__wrapped__ is not function:
            method = method.method
        if isinstance(method, MethodDescriptorType):
            setattr(cls, name, StandIn(method, function))
    return cls


def by_position(method: StandIn) -> FunctionType:
    """
    A function that calls a ``StandIn`` with all of its arguments by position.

    It has the parameters of the function that the ``StandIn`` stands for: the interpreter
    puts the arguments of any call in their places, or refuses them in its own words.
    """
    stock = method.__wrapped__
    code = stock.__code__
    count = code.co_argcount
    names = [*code.co_varnames[:count]]
    for flag, stars in ((CO_VARARGS, "*"), (CO_VARKEYWORDS, "**")):
        if code.co_flags & flag:
            names.append(stars + code.co_varnames[count])
            count += 1
    parameters = ", ".join(names)
    function: FunctionType = eval(
        f"lambda {parameters}: __method__({parameters})", {"__method__": method}
    )
    function.__defaults__ = stock.__defaults__
    function.__name__, function.__qualname__ = stock.__name__, stock.__qualname__
    return function
