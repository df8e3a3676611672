"""
Other code for functions of Twisted's.

A function that is given other code stays the object that it is, with its defaults and its
module, for all that have it under some name; and what it runs finds its names in that module, so
that what a program has put there is obeyed.

Functions whose code is given so are never called where they are defined: modules of them have
those that stand for Twisted's by the same names.  ``_pyreactor``, among the names of Twisted's
module, means the module that they are from.  Each does what Twisted's does, and leaves what is not
usual to the function as it was, which is noted there (``_pyreactor.stock``).
"""

from __future__ import annotations

from types import CodeType, FunctionType, ModuleType

#: The functions that were given other code, and what they had.
before: dict[FunctionType, CodeType] = {}


def give(
    function: FunctionType, own: FunctionType, names: ModuleType, name: str = "_pyreactor"
) -> FunctionType:
    """
    Have a function of Twisted's run the code of another function.

    :param function: Twisted's.
    :param own: what it is to do; a function with the same parameters.
    :param names: what that finds under `name`, as does all that is given to that module so.
    :return: a function that does what the first did.
    :raise ValueError: if what was given to the module before finds another one under `name`.
    """
    if function.__globals__.setdefault(name, names) is not names:
        raise ValueError(f"{name} is another module in {function.__module__}")
    stock = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    before.setdefault(function, function.__code__)
    function.__code__ = own.__code__.replace(co_name=function.__name__)
    return stock


def is_given(function: object) -> bool:
    """Whether a function runs the code that it was given here."""
    return (
        isinstance(function, FunctionType)
        and function in before
        and function.__code__ is not before[function]
    )


def stocks(function: FunctionType) -> CodeType:
    """The code that a function of Twisted's was defined with."""
    return before.get(function, function.__code__)
