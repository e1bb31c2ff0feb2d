"""The house rules of the tests themselves: a rule that cannot fail a test is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CASES = """
import logging, random, sys, warnings
import numpy as np
import pytest

def test_error_logged():
    logging.getLogger("anything").error("broken")

def test_warning():
    warnings.warn("old", UserWarning)

@pytest.mark.film
def test_without_films(films):
    pass

def test_unmarked(films):
    pass

def test_sound():
    logging.getLogger("anything").warning("fine")
    assert "torch" not in sys.modules

drawn = []

@pytest.mark.parametrize("turn", range(2))
def test_random(turn):
    drawn.append((random.random(), np.random.rand()))
    assert len(set(drawn)) == 1
"""


@pytest.fixture
def result(tmp_path: Path) -> str:
    root = Path(__file__).parents[1]
    (tmp_path / "test_cases.py").write_text(CASES)
    (tmp_path / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-n", "0", "-c", str(root / "pyproject.toml"), "-m", ""]
    command += ["-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_house_rules_fail_tests(result: str) -> None:
    told = [line for line in result.splitlines() if line.startswith(("FAILED", "ERROR")) and "::" in line]
    assert {line.split("::")[1].split(" ")[0] for line in told} == {
        "test_error_logged",
        "test_warning",
        "test_without_films",
        "test_unmarked",
    }
    assert "the test logged 1 errors, the first: broken" in result
    assert "pytest -m film --films FOLDER" in result
    # A logged error is found after the call, so the test counts as passed, and its end as an error.
    assert "1 failed, 4 passed, 3 errors" in result
