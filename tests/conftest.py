"""What every test gets: quiet threads, the same random numbers, and a failure for each logged error."""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cartoon_color.cli.process import prepare

# Before torch is imported: threads that wait for work must not take the cores from the other test process.
prepare()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--films", metavar="FOLDER", type=Path, help="the free films named in datasets/ (with -m film)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Else one process would be left with them while the other has nothing to do.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_runtest_call() -> None:
    # Torch is slow to import, so only tests that need it do; it may have come with any of them.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def films(request: pytest.FixtureRequest) -> Path:
    """The folder of the free films; a test that asks for it is marked `film`, and fails where there is none."""
    assert request.node.get_closest_marker("film"), "a test that needs films must be marked: @pytest.mark.film"
    folder = request.config.getoption("--films")
    if folder is None or not folder.is_dir():
        pytest.fail(f"this test needs the free films, got {folder}; give their folder: pytest -m film --films FOLDER")
    return Path(folder)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that has learned nothing."""
    import torch

    from cartoon_color import checkpoint, variants
    from cartoon_color.config import NetworkSettings

    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    torch.manual_seed(0)
    checkpoint.save(variants.build("compact", NetworkSettings(width=0.25, input_size=64)), path, {})
    return path


@pytest.fixture(autouse=True)
def _no_logged_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    records = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    errors = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    assert not errors, f"the test logged {len(errors)} errors, the first: {errors[0]}"


@pytest.fixture(autouse=True)
def _own_random_numbers() -> Iterator[None]:
    """Every test starts from the same random state, and leaves none behind."""
    python, numpy_ = random.getstate(), np.random.get_state()  # noqa: NPY002 (the global state is the point)
    torch = sys.modules.get("torch")
    state = torch.get_rng_state() if torch else None
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if torch:
        torch.manual_seed(0)
    yield
    random.setstate(python)
    np.random.set_state(numpy_)  # noqa: NPY002
    if torch:
        torch.set_rng_state(state)
