"""The command line: one file per command, which parses, calls and prints.

Heavy imports stand inside the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from io import TextIOWrapper
from types import FrameType
from typing import Annotated, Any

import typer

from cartoon_color import __version__
from cartoon_color.cli import (
    compare,
    evaluate,
    export,
    extract,
    inspect,
    memory,
    palette,
    render,
    reproduce,
    suggest,
    toyshow,
    train,
    transfer,
    variants,
)
from cartoon_color.cli.process import prepare
from cartoon_color.cli.shared import print_out, say, say_error
from cartoon_color.errors import CartoonColorError

__all__ = ["app", "main"]

app = typer.Typer(
    name="cartoon-color",
    help="Learn a cartoon's colors from its colored episodes, and color the black-and-white ones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    render.render,
    extract.extract,
    variants.variants,
    palette.palette,
    memory.memory,
    train.train,
    export.export,
    evaluate.evaluate,
    compare.compare,
    inspect.inspect,
    suggest.suggest,
    transfer.transfer,
    reproduce.reproduce,
    toyshow.toyshow,
):
    app.command()(command)


def main() -> None:
    """Run the command line: exit 0 on success, 1 with one sentence on failure, 2 on misuse, 130 when interrupted."""
    prepare()
    if isinstance(sys.stdout, TextIOWrapper):
        # Names of files may hold what the terminal's encoding doesn't.
        sys.stdout.reconfigure(errors="backslashreplace")
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores one, a shell's background another
            signal.signal(number, _stop)
    try:
        sys.exit(app(standalone_mode=False))
    except _UsageError as error:
        if sentence := _wrong_value(error):
            say(f"Error: {sentence}")
        else:
            error.show()
        sys.exit(2)
    except CartoonColorError as error:
        say_error(error)
        sys.exit(1)
    except OSError as error:
        # What the system refuses to look at, wherever it was met first.
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            say(f"Error: the name {error.filename} can't be used ({error.strerror}); choose another")
        elif error.errno in (errno.EACCES, errno.EPERM) and error.filename is not None:
            say(
                f"Error: {os.fsdecode(error.filename)} can't be reached ({error.strerror}); change the rights of it "
                "and of its folders, or give another path"
            )
        else:
            raise
        sys.exit(1)
    except _Stopped:
        say("Interrupted; nothing unfinished was left behind.")
        sys.exit(130)


_UsageError: Any = typer.BadParameter.__base__
"""Misuse of any kind; typer has no public name for it."""


def _wrong_value(error: Any) -> str:
    """The sentence for a value that an option or argument can't have; empty for other misuse, told with the usage."""
    told = error.__cause__
    if not hasattr(told, "errors"):  # those of pydantic, by which typer checks values
        return ""
    name, given = error.param.get_error_hint().strip("'"), told.errors()[0]["input"]
    words = error.message.rstrip(".").removeprefix("Value error, ")
    if words.startswith("Input should be "):
        words = f"must be {words.removeprefix('Input should be ').split(', unable to')[0]}, got {given!r}"
    return f"{name}: {words}; see {error.ctx.command_path} --help"


_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _Stopped(BaseException):
    """Somebody wants the program to end. KeyboardInterrupt would be caught by typer."""


def _stop(number: int, frame: FrameType | None) -> None:
    # A second one must not disturb the tidying up after the first.
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise _Stopped


def _version(asked: bool) -> None:
    if asked:
        print_out(f"cartoon-color {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass
