"""Files that are read with errors a user understands, and written whole or not at all."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cartoon_color.errors import InputError, SettingsError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write what becomes `path` when the block ends; an exception leaves `path` as it was, and nothing else.

    Raises:
        OSError: It can't take its place.
    """
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds all of it or what it held before; OSError if that can't be."""
    with replacing(path) as part:
        part.write_bytes(content)


def read_toml(path: Path, kind: str, advice: str) -> dict[str, Any]:
    """The table at `path`.

    Args:
        path: Of the file.
        kind: What it is called in errors, such as "palette".
        advice: What to do where there is none.

    Raises:
        InputError: It can't be read.
        SettingsError: It is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the {kind} {path} can't be read ({error.strerror}); {advice}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the {kind} {path} is not valid TOML: {error}") from error
