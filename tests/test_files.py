"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cartoon_color.errors import InputError, SettingsError
from cartoon_color.files import read_toml, replacing, write_atomically


def test_content_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    for content in (b"old", b"new"):
        write_atomically(path, content)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), replacing(path) as part:  # noqa: PT012 (the block is what fails)
        part.write_bytes(b"half of the n")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cant_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match=r"folder"):
        write_atomically(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_toml_is_told(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    with pytest.raises(InputError, match=rf"^the list {path} can't be read \(No such file or directory\); make one$"):
        read_toml(path, "list", "make one")
    for content in (b"name =", b"name = '\xff'"):
        path.write_bytes(content)
        with pytest.raises(SettingsError, match=rf"^the list {path} is not valid TOML: "):
            read_toml(path, "list", "make one")
    path.write_bytes(b"name = 'a'")
    assert read_toml(path, "list", "make one") == {"name": "a"}
