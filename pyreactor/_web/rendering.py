"""
The rare ends of ``Request.process`` and ``Request.render`` of ``twisted.web.server``.

Twisted's own code does all of this work: it is given a resource that renders at once what the
program's resource has rendered already.
"""

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure


class _Rendered:
    """In the place of a resource that has rendered: it does so again from the second time on."""

    def __init__(self, resource: Any, outcome: Any) -> None:
        self._resource = resource
        self._outcomes = [outcome]

    def render(self, request: Any) -> Any:
        if not self._outcomes:
            return self._resource.render(request)
        outcome = self._outcomes.pop()
        if not isinstance(outcome, BaseException):
            return outcome
        context = outcome.__context__
        try:
            raise outcome
        except BaseException:
            outcome.__context__ = context  # and not what is handled now
            raise
        finally:
            del outcome  # or the frame and the exception would keep each other

    def __repr__(self) -> str:
        return repr(self._resource)

    def __str__(self) -> str:
        return str(self._resource)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resource, name)


class Rendering:
    """Hands over to Twisted's own ``Request.render``."""

    def __init__(self, render: Any) -> None:
        self._render = render

    def unsupported(self, request: Any, resource: Any, error: BaseException) -> Any:
        """What `resource` raised is an ``UnsupportedMethod``."""
        rendered = _Rendered(resource, error)
        del error
        return self._render(request, rendered)

    def unusual(self, request: Any, resource: Any, body: Any) -> Any:
        """`resource` gave no bytes, or has made the request's method HEAD."""
        return self._render(request, _Rendered(resource, body))


def processing_failed(request: Any, error: BaseException) -> None:
    """
    Say that `error` was raised by ``request.process``, while it is the one that is handled.

    :param error: what was raised, with its traceback.
    """
    context = error.__context__
    try:
        raise error
    except BaseException:
        error.__context__ = context  # and not what is handled now
        request.processingFailed(Failure())
    finally:
        del error  # or the frame and the exception would keep each other
