"""
Activation: swap Twisted's hot paths for the C ones as Twisted's modules get imported.

``activate`` puts a finder in front of ``sys.meta_path``.  It finds nothing by itself: for
the few Twisted modules that the accelerated parts want to change, it lets the other
finders find the module and wraps the loader, so that each part is called right after the
module was executed.  Modules that were imported before are handed to the parts at once.
Nothing of Twisted is imported here, and no reactor is installed.

This module is imported at interpreter start-up where ``pyreactor enable`` was used, so it
imports as little as possible.

Environment variables:

``PYREACTOR=0``
    bypasses everything.
``PYREACTOR_DISABLE=deferred,framing,log,reactor,web``
    leaves the named parts to stock Twisted.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any, Protocol

    class PartModule(Protocol):
        """What a module in ``pyreactor._activation`` offers; see the package's docstring."""

        TARGETS: tuple[str, ...]
        activate: Callable[[ModuleType], None]
        status: Callable[[], tuple[bool, str]]


PARTS = ("reactor", "deferred", "framing", "log", "web")

BYPASS_VARIABLE = "PYREACTOR"
DISABLE_VARIABLE = "PYREACTOR_DISABLE"


class Part:
    """One accelerated part: its module, and why it stays stock if it does."""

    __slots__ = ("module", "name", "switched_off", "why_stock")

    def __init__(self, name: str) -> None:
        self.name = name
        self.module: PartModule | None = None
        self.why_stock: str | None = None
        self.switched_off = False

    def switch_off(self, by: str) -> None:
        """
        Leave the part to stock Twisted, as the user wishes.

        @param by: the option or variable that says so.
        """
        self.switched_off = True
        self.why_stock = f"switched off by {by}"

    def load(self) -> None:
        """Import the part's module, which imports nothing of Twisted."""
        if self.module is not None or self.why_stock is not None:
            return
        from importlib import import_module

        qualified = "pyreactor._activation." + self.name
        try:
            self.module = import_module(qualified)
        except ModuleNotFoundError as error:
            if error.name != qualified:
                self.fail(error)
            else:
                self.why_stock = "not built"
        except Exception as error:
            self.fail(error)

    def apply(self, module: ModuleType) -> None:
        """Let the part change `module`.  A failure leaves stock Twisted at work."""
        if self.module is None or self.why_stock is not None:
            return
        try:
            self.module.activate(module)
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Leave the part to stock Twisted, as its activation raised `error`, and say so."""
        self.stay_stock(f"activation failed: {type(error).__name__}: {error}")

    def stay_stock(self, why: str) -> None:
        """
        Leave the part to stock Twisted, and say so.

        @param why: the reason, for the line on stderr and for ``pyreactor doctor``.
        """
        self.why_stock = why
        warn(f"the {self.name} part stays stock: {why}")

    def status(self) -> tuple[bool, str]:
        """Whether the part runs in C in this process, and why."""
        if self.why_stock is not None:
            return False, self.why_stock
        if self.module is None:
            return False, "not activated"
        return self.module.status()


def warn(message: str) -> None:
    """Tell the user on stderr, in one line."""
    if sys.stderr is not None:
        print("pyreactor: " + " ".join(message.split()), file=sys.stderr)


def bypassed() -> bool:
    """Whether the environment says that stock Twisted shall run."""
    return os.environ.get(BYPASS_VARIABLE) == "0"


def split_names(text: str) -> list[str]:
    """The comma-separated names in `text`."""
    return [name.strip() for name in text.split(",") if name.strip()]


def unknown_parts(names: Iterable[str]) -> list[str]:
    """Those of `names` that are no parts."""
    return [name for name in names if name not in PARTS]


class Activation:
    """What is switched on in this process."""

    def __init__(self) -> None:
        self.requested = False
        self.parts = {name: Part(name) for name in PARTS}
        # What else is to be called with a module once it was executed; by module name.
        # To be filled before activation.
        self.also: dict[str, Callable[[ModuleType], None]] = {}
        self._by_target: dict[str, list[Part]] | None = None

    def by_target(self) -> dict[str, list[Part]]:
        """
        The parts that want to change each Twisted module.

        Loads the parts when first asked.  Without a lock: two threads that come here at
        once make the same table.
        """
        table = self._by_target
        if table is None:
            table = {name: [] for name in self.also}
            for part in self.parts.values():
                part.load()
                if part.module is not None:
                    for target in part.module.TARGETS:
                        table.setdefault(target, []).append(part)
            self._by_target = table
        return table

    def module_executed(self, module: ModuleType, name: str) -> None:
        """
        Have the parts change a module, now that it was executed.

        @param name: the name by which it was imported.
        """
        for part in self.by_target().get(name, ()):
            part.apply(module)
        if name in self.also:
            self.also[name](module)

    def catch_up(self) -> None:
        """Change the modules that had been imported before activation."""
        if "twisted" not in sys.modules:
            return
        for name in list(self.by_target()):
            module = sys.modules.get(name)
            if module is None:
                continue
            if _is_being_imported(module):
                # By another thread: wait for it.  By this one: a module that is half
                # executed cannot be changed, and doctor says that the part is stock.
                from importlib import import_module

                module = import_module(name)
                if _is_being_imported(module):
                    warn(f"{name} was being imported when pyreactor was activated")
                    continue
            self.module_executed(module, name)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


current = Activation()


class HookedLoader:
    """
    The loader of one module, plus activation once the module was executed.

    Lives only until the module is executed: ``__loader__`` and ``__spec__.loader`` are
    the real loader again when the module's own code runs.
    """

    def __init__(self, loader: Loader) -> None:
        self._pyreactor_loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pyreactor_loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the real loader does; None, for a module of the ordinary kind, if it cannot."""
        create = getattr(self._pyreactor_loader, "create_module", None)
        return None if create is None else create(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module by the real loader, and have the parts change it then."""
        loader = self._pyreactor_loader
        spec = module.__spec__
        if spec is not None and isinstance(spec.loader, HookedLoader):
            spec.loader = loader
        if isinstance(getattr(module, "__loader__", None), HookedLoader):
            module.__loader__ = loader
        loader.exec_module(module)
        current.module_executed(module, module.__name__)


def _as_import_machinery(code: CodeType) -> CodeType:
    """
    `code` under the file name of Python's import machinery.

    Python drops that machinery's frames from the tracebacks of modules that raise while
    they are imported.  A program's traceback has to be the same with and without us.
    """
    return code.replace(co_filename="<frozen importlib._bootstrap>")


HookedLoader.exec_module.__code__ = _as_import_machinery(HookedLoader.exec_module.__code__)


class Finder:
    """The ``sys.meta_path`` entry: wraps the loaders of the modules to be changed."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """
        What the finders after this one find, with a `HookedLoader`; None for most modules.

        Mirrors ``importlib.abc.MetaPathFinder.find_spec``.
        """
        if not fullname.startswith("twisted.") or fullname not in current.by_target():
            return None
        for finder in self._others():
            find_spec = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec and find_spec(fullname, path, target)
            if spec is not None:
                return self._hooked(spec)
        return None

    def _others(self) -> list[Any]:
        """The finders that come after this one."""
        finders = list(sys.meta_path)
        return finders[finders.index(self) + 1 :] if self in finders else finders

    def _hooked(self, spec: ModuleSpec) -> ModuleSpec:
        loader = spec.loader
        if hasattr(loader, "exec_module") and not isinstance(loader, HookedLoader):
            spec.loader = HookedLoader(loader)  # type: ignore[arg-type, assignment]
        return spec


finder = Finder()


def activate(disable: Iterable[str] = ()) -> None:
    """
    Switch the accelerated parts on, for Twisted modules imported from now on and before.

    Does nothing when ``PYREACTOR=0`` is in the environment, or when called again.

    @param disable: names of parts to leave stock, besides those in ``PYREACTOR_DISABLE``.
    """
    if current.requested or bypassed():
        return
    current.requested = True
    from_environment = split_names(os.environ.get(DISABLE_VARIABLE, ""))
    for name in unknown_parts(from_environment):
        warn(f"{DISABLE_VARIABLE} names an unknown part {name!r} (parts: {', '.join(PARTS)})")
    for name, part in current.parts.items():
        if name in from_environment:
            part.switch_off(DISABLE_VARIABLE)
        elif name in disable:
            part.switch_off("--disable")
    sys.meta_path.insert(0, finder)
    current.catch_up()


def statuses() -> dict[str, tuple[bool, str]]:
    """Per part: whether it runs in C in this process, and why."""
    if bypassed():
        return dict.fromkeys(PARTS, (False, f"bypassed by {BYPASS_VARIABLE}=0"))
    return {name: part.status() for name, part in current.parts.items()}


def switched_off(name: str) -> bool:
    """Whether the user left this part to stock Twisted."""
    return current.parts[name].switched_off
