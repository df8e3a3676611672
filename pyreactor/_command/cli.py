"""
The command line: runs a Twisted program, unchanged, with the accelerated parts.

The program sees what it would see under plain ``python``: ``sys.argv``, ``sys.path[0]``,
``__main__``, ``__file__``, its exit code, and its tracebacks without a frame of ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from types import CodeType, ModuleType, TracebackType

from pyreactor import __version__
from pyreactor._activation import hook
from pyreactor._command.usage import UsageError, check_twisted
from pyreactor._watch import settings

TRIAL_WORKERS = "twisted.trial._dist.disttrial"  # what starts the workers of trial -j

USAGE = """\
usage: pyreactor [options] script.py [args...]
       pyreactor [options] -m module [args...]
       pyreactor [options] -c command [args...]
       pyreactor [options] - [args...]
       pyreactor doctor [--json] | enable | disable
       pyreactor bench [options] | top PID
"""

HELP = f"""\
{USAGE}
Runs a Twisted program, unchanged, with Twisted's hot paths in C.
`python -m pyreactor` does the same as `pyreactor`.

options:
  --disable PARTS  leave these parts to stock Twisted, comma-separated:
                   {", ".join(hook.PARTS)}
  --slow SECONDS   log what blocks the reactor for longer, with the stack it had
  --stats          print at the end, and on SIGUSR2, what the reactor has done
  --top            let `pyreactor top` look into it
  -h, --help       show this help and exit
  -V, --version    show the version and exit
  --               end of options: what follows is the script, whatever its name

commands (a script of that name is run as ./doctor):
  doctor           tell the versions, and per part whether it runs in C, and why;
                   exit code 0 if all parts do, else 1; --json for machines
  enable           accelerate every program of this Python environment
  disable          undo `enable`
  top              what a process that runs with --top does, once a second; --once
  bench            measure: stock Twisted and pyreactor, in turns; see bench --help

environment:
  PYREACTOR=0              stock Twisted, whatever else is asked for
  PYREACTOR_DISABLE=PARTS  as --disable
  PYREACTOR_SLOW=SECONDS   as --slow
  PYREACTOR_STATS=1, PYREACTOR_TOP=1
                           as --stats, --top
  PYREACTOR_PROMETHEUS=1   register with prometheus_client; a PORT: serve there, too
"""

COMMANDS = ("doctor", "enable", "disable", "bench", "top")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    @param arguments: what follows the command's name; by default from ``sys.argv``.
    @return: the exit code.  What the program raises (SystemExit, too) passes through.
    """
    if arguments is None:
        arguments = sys.argv[1:]
    try:
        launch = _parse(list(arguments))
    except UsageError as error:
        return _complain(error)
    return launch()


def _complain(error: UsageError) -> int:
    hook.warn(str(error))
    return 2


def _parse(arguments: list[str]) -> Callable[[], int]:
    """Understand the options up to the program, and give back what to do."""
    disable: list[str] = []
    while arguments:
        argument = arguments.pop(0)
        if argument in ("-h", "--help"):
            return lambda: _print(HELP)
        if argument in ("-V", "--version"):
            return lambda: _print(f"pyreactor {__version__}\n")
        if argument == "--disable" or argument.startswith("--disable="):
            disable += _parts_to_disable(argument, arguments)
        elif argument.partition("=")[0] == "--slow":
            _ask(settings.SLOW, argument, arguments)
        elif argument in ("--stats", "--top"):
            settings.current.tell(settings.STATS if argument == "--stats" else settings.TOP, "1")
        elif argument in ("-m", "-c"):
            return _program_from_option(argument, arguments, disable)
        elif argument.startswith(("-m", "-c")) and not argument.startswith("--"):
            return _program_from_option(argument[:2], [argument[2:], *arguments], disable)
        elif argument == "--":
            if not arguments:
                break
            return _program(_script(arguments[0]), arguments, disable)
        elif argument == "-":
            return _program(_standard_input, ["-", *arguments], disable)
        elif argument.startswith("-"):
            raise UsageError(f"unknown option {argument} (see pyreactor --help)")
        elif argument in COMMANDS:
            return _command(argument, arguments)
        else:
            return _program(_script(argument), [argument, *arguments], disable)
    raise UsageError("no script given (see pyreactor --help)")


def _ask(name: str, argument: str, rest: list[str]) -> None:
    _, equals, value = argument.partition("=")
    if not equals:
        if not rest:
            raise UsageError("option --slow needs a number of seconds")
        value = rest.pop(0)
    try:
        settings.current.tell(name, str(settings.seconds(value)))
    except ValueError as error:
        raise UsageError(f"option --slow: {error}") from None


def _parts_to_disable(argument: str, rest: list[str]) -> list[str]:
    _, equals, value = argument.partition("=")
    if not equals:
        if not rest:
            raise UsageError("option --disable needs the names of parts")
        value = rest.pop(0)
    names = hook.split_names(value)
    unknown = hook.unknown_parts(names)
    if unknown:
        known = ", ".join(hook.PARTS)
        raise UsageError(f"option --disable: unknown part {unknown[0]!r} (parts: {known})")
    return names


def _command(name: str, arguments: list[str]) -> Callable[[], int]:
    if name == "bench":
        from pyreactor._bench import command

        return lambda: command.run(arguments)
    if name == "top":
        from pyreactor._watch import top

        return lambda: top.main(arguments)
    allowed = ("--json",) if name == "doctor" else ()
    for argument in arguments:
        if argument not in allowed:
            raise UsageError(f"{name}: unknown argument {argument}")
    if name == "doctor":
        from pyreactor._command.doctor import doctor

        return lambda: doctor(as_json="--json" in arguments)
    from pyreactor._command import environment

    return environment.enable if name == "enable" else environment.disable


def _print(text: str) -> int:
    sys.stdout.write(text)
    return 0


# --- Running programs ---------------------------------------------------------------------


def _program_from_option(
    option: str, arguments: list[str], disable: list[str]
) -> Callable[[], int]:
    if not arguments:
        raise UsageError(f"option {option} needs an argument")
    value, *rest = arguments
    if option == "-c":
        return _program(lambda: _command_text(value), ["-c", *rest], disable)
    return _program(lambda: _module(value), ["-m", *rest], disable)


def _program(
    prepare: Callable[[], Callable[[], None]], argv: list[str], disable: list[str]
) -> Callable[[], int]:
    """
    What runs a program.

    @param prepare: sets up ``sys.path[0]`` and ``__main__`` as plain Python does, and
        gives back what executes the program.
    """

    def launch() -> int:
        sys.argv = argv
        try:
            execute = prepare()
            if hook.bypassed():
                if settings.current.anything():
                    hook.warn("nothing is watched or counted, as PYREACTOR=0 leaves all to stock")
            else:
                check_twisted()
                hook.current.also[TRIAL_WORKERS] = _accelerate_workers(disable)
                hook.activate(disable)
        except UsageError as error:
            return _complain(error)
        return _execute(execute)

    return launch


def _script(path: str) -> Callable[[], Callable[[], None]]:
    def prepare() -> Callable[[], None]:
        # Plain Python joins, and does not normalize, too.
        full = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
        if os.path.isdir(full) or _is_zip(full):
            return _container(full)
        try:
            with open(full, "rb") as stream:
                source = stream.read()
        except OSError as error:
            raise UsageError(
                f"can't open file {full!r}: [Errno {error.errno}] {error.strerror}"
            ) from None
        _set_first_path(os.path.dirname(os.path.realpath(full)))
        main_module = _new_main()
        main_module.__file__ = full
        return lambda: exec(_compile_script(source, full, main_module), main_module.__dict__)

    return prepare


def _compile_script(source: bytes, path: str, main_module: ModuleType) -> CodeType:
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader

    _set_cached(main_module)
    if path.endswith(".pyc"):
        compiled = SourcelessFileLoader("__main__", path)
        main_module.__loader__ = compiled
        code = compiled.get_code("__main__")
        assert code is not None
        return code
    main_module.__loader__ = SourceFileLoader("__main__", path)
    return compile(source, path, "exec", dont_inherit=True)


def _is_zip(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    from zipimport import ZipImportError, zipimporter

    try:
        zipimporter(path)
    except ZipImportError:
        return False
    return True


def _container(path: str) -> Callable[[], None]:
    """A directory or a zip file with a ``__main__.py``."""
    from importlib.machinery import PathFinder

    if PathFinder.find_spec("__main__", [path]) is None:
        raise UsageError(f"can't find '__main__' module in {path!r}")
    _set_first_path(path, insert_when_safe=True)
    _new_main()
    return lambda: _run_as_main("__main__", alter_argv=False)


def _module(name: str) -> Callable[[], None]:
    _set_first_path(_current_directory())
    _new_main()

    def execute() -> None:
        try:
            _run_as_main(name, alter_argv=True)
        except SystemExit as error:
            # runpy reports so that there is no such module.
            if type(error.__context__) is _runpy_error():
                _complain(UsageError(str(error.__context__)))
                raise SystemExit(2) from None
            raise

    return execute


def _runpy_error() -> type[Exception]:
    import runpy

    error: type[Exception] = runpy._Error  # type: ignore[attr-defined]
    return error


def _run_as_main(name: str, *, alter_argv: bool) -> None:
    """What plain Python itself calls for ``-m``, directories and zip files."""
    import runpy

    runpy._run_module_as_main(name, alter_argv=alter_argv)  # type: ignore[attr-defined]


def _command_text(source: str) -> Callable[[], None]:
    _set_first_path("")
    return _source(source, "<string>")


def _standard_input() -> Callable[[], None]:
    _set_first_path("")
    return _source(sys.stdin.buffer.read(), "<stdin>")


def _source(source: str | bytes, name: str) -> Callable[[], None]:
    from importlib.machinery import BuiltinImporter

    main_module = _new_main()
    main_module.__loader__ = BuiltinImporter
    if name == "<stdin>":
        main_module.__file__ = name
        _set_cached(main_module)
    return lambda: exec(compile(source, name, "exec", dont_inherit=True), main_module.__dict__)


def _new_main() -> ModuleType:
    """Put a fresh ``__main__`` in the place of pyreactor's own."""
    import builtins

    main_module = ModuleType("__main__")
    if sys.version_info < (3, 14):
        main_module.__dict__["__annotations__"] = {}
    main_module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main_module
    return main_module


def _set_cached(main_module: ModuleType) -> None:
    """Set the ``__cached__`` that a script's ``__main__`` has, before 3.15."""
    if sys.version_info < (3, 15):
        main_module.__dict__["__cached__"] = None


def _current_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _set_first_path(directory: str, *, insert_when_safe: bool = False) -> None:
    """Replace ``sys.path[0]``, which belongs to pyreactor's own start, by the program's."""
    # With -P and -I there is no such entry.
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = directory
    elif insert_when_safe:
        sys.path.insert(0, directory)


def _execute(execute: Callable[[], None]) -> int:
    try:
        execute()
    except SystemExit:
        raise
    except BaseException as error:
        # Leave it to Python to report it and to choose the exit code (an interrupted
        # program dies by SIGINT), but take our frames out of what it reports.
        _report_without(_own_frames_skipped(error.__traceback__))
        raise
    return 0


def _own_frames_skipped(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    return traceback


def _report_without(traceback: TracebackType | None) -> None:
    """Have the exception that ends the program reported with `traceback`."""
    hook = sys.excepthook

    def report(
        kind: type[BaseException], error: BaseException, _full: TracebackType | None
    ) -> None:
        hook(kind, error.with_traceback(traceback), traceback)

    sys.excepthook = report


# --- trial -j -----------------------------------------------------------------------------


def _accelerate_workers(disable: Sequence[str]) -> Callable[[ModuleType], None]:
    """
    What has trial start its workers as `pyreactor` started trial.

    @param disable: the parts that are left to stock.
    """
    options = [f"--disable={','.join(disable)}"] if disable else []

    def change(disttrial: ModuleType) -> None:
        pool = getattr(disttrial, "WorkerPool", None)
        launch = getattr(pool, "_launchWorkerProcesses", None)
        if launch is None:
            hook.warn("this Twisted is not known: the workers of trial -j stay stock")
            return

        def _launchWorkerProcesses(
            self: object, spawner: Callable[..., object], protocols: object, arguments: object
        ) -> None:
            # Only a reactor's own: a test of trial's own may give anything.
            reactor = sys.modules.get("twisted.internet.reactor")
            if reactor is None or getattr(spawner, "__self__", None) is not reactor:
                launch(self, spawner, protocols, arguments)
                return

            def spawn(
                protocol: object, executable: str, args: Sequence[str], **more: object
            ) -> object:
                command = [args[0], "-m", "pyreactor", *options, *args[1:]]
                return spawner(protocol, executable, args=command, **more)

            launch(self, spawn, protocols, arguments)

        pool._launchWorkerProcesses = _launchWorkerProcesses  # type: ignore[union-attr]

    return change
