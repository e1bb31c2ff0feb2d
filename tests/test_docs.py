"""The documents agree with the program."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cartoon_color import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "pipelines" / "README.md"]
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


def commands(page: Path) -> list[str]:
    """The lines of a page's examples that call the program."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^ {0,4}cartoon-color (\S.*)$", text, re.MULTILINE)


def test_the_readme_has_six_examples():
    assert len(commands(ROOT / "README.md")) >= 6


@pytest.mark.parametrize("line", dict.fromkeys(line for page in PAGES for line in commands(page)))
def test_commands_in_pages_parse(line):
    name, *words = shlex.split(line)
    typer.main.get_command(cli.app).commands[name].make_context(name, words)


def test_the_walkthrough_goes_all_the_way():
    named = {line.split()[0] for line in commands(ROOT / "docs" / "walkthrough.md")}
    assert named >= {"extract", "train", "palette", "memory", "render", "inspect", "suggest", "evaluate"}


def test_the_readme_lists_what_is_there():
    listing = re.search(r"```\ncartoon_color/\n(.*?)```", README, re.DOTALL)
    assert listing
    named = re.findall(r"^  (\S+)", listing[1], re.MULTILINE)
    there = {path.name + "/" * path.is_dir() for path in (ROOT / "cartoon_color").iterdir()}
    assert set(named) == there - {"__init__.py", "__pycache__/", "py.typed"}


def test_local_links_lead_somewhere():
    links = [
        (page, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert len(links) > 10
    for page, link in links:
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
