"""What the command line tells about itself, and how little it loads for that."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner, Result

from cartoon_color import __version__, cli

COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
HEAVY = {"av", "cv2", "numpy", "rich", "safetensors", "scipy", "skimage", "sklearn", "torch"}


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli.app, words, prog_name="cartoon-color")


def test_version() -> None:
    result = invoke("--version")
    assert (result.exit_code, result.output) == (0, f"cartoon-color {__version__}\n")


def test_without_a_command_help_is_shown() -> None:
    result = invoke()
    assert result.exit_code == 2
    assert all(f"\n  {name} " in result.output for name in COMMANDS)


def test_there_are_commands() -> None:
    assert {"render", "extract", "train", "compare", "toyshow"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    result = invoke(name, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: cartoon-color {name} ")
    assert re.search(rf"Example:\s+cartoon-color {name} \S", result.stdout)
    for parameter in COMMANDS[name].params:
        assert parameter.help, f"{name} {parameter.name} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_can_be_pasted(name: str) -> None:
    examples = re.findall(r"^ *cartoon-color (.+)$", COMMANDS[name].help, re.MULTILINE)
    assert examples
    for example in examples:
        command, *words = shlex.split(example)
        assert command == name
        # Parses all of it, and runs nothing.
        assert COMMANDS[name].make_context(name, words).params


@pytest.mark.parametrize("words", [["--help"], ["render", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    program = (
        f"import sys\nfrom cartoon_color.cli import main\nsys.argv = ['cartoon-color', *{words}]\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: cartoon-color ")
    loaded = set(done.stderr.split())
    assert "cartoon_color.cli" in loaded
    assert not loaded & HEAVY


def test_what_runs_no_network_does_not_load_torch() -> None:
    modules = ("compare", "dataset.extract", "dataset.extracted", "evaluation", "palette", "toyshow.show")
    program = f"import sys\nimport {', '.join(f'cartoon_color.{name}' for name in modules)}\nprint(*sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {f"cartoon_color.{name}" for name in modules} <= loaded
    assert not loaded & {"torch", "sklearn", "matplotlib", "numba"}
