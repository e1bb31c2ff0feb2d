"""The documents agree with the program."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_commands_page_is_current():
    command = [sys.executable, "-m", "typer", "cartoon_color.cli", "utils", "docs", "--name", "cartoon-color"]
    page = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert page == CLI, "run make docs"


def test_every_command_has_an_example():
    sections = CLI.split("\n## ")[1:]
    assert len(sections) >= 5
    for section in sections:
        assert re.search(r"Example:\n\n    cartoon-color \w+ \S", section), section.splitlines()[0]


def readme_commands() -> list[str]:
    blocks = re.findall(r"```\n(cartoon-color .*?)```", README, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_readme_has_six_examples():
    assert len(readme_commands()) >= 6


@pytest.mark.parametrize("line", readme_commands())
def test_readme_options_exist(line):
    _, command, *words = shlex.split(line)
    section = next(part for part in CLI.split("\n## ") if part.startswith(f"`cartoon-color {command}`"))
    for word in words:
        if word.startswith("-"):
            assert re.search(rf"^\* `[^`]*{word}\b", section, re.MULTILINE), f"{command} has no {word}"


def test_the_readme_lists_what_is_there():
    listing = re.search(r"```\ncartoon_color/\n(.*?)```", README, re.DOTALL)
    assert listing
    named = re.findall(r"^  (\S+)", listing[1], re.MULTILINE)
    there = {path.name + "/" * path.is_dir() for path in (ROOT / "cartoon_color").iterdir()}
    assert set(named) == there - {"__init__.py", "__pycache__/", "py.typed"}


def test_local_links_lead_somewhere():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "pipelines" / "README.md"]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert len(links) > 10
    for page, link in links:
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
