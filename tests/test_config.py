"""Settings: every default is allowed, every wrong value is told; the device that was asked for."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass

import pytest

from cartoon_color import config
from cartoon_color.config import NetworkSettings, TrainingSettings, help_of
from cartoon_color.errors import SettingsError

ALL = [value for value in vars(config).values() if isinstance(value, type) and is_dataclass(value)]


@dataclass
class Sample:
    plain: int = 1
    """Two lines,
    one sentence."""
    bare: int = 2
    other: str = "a"
    """Another."""
    number: int = 3
    7  # noqa: B018 (an expression that is no docstring)


def test_all_settings_are_found() -> None:
    assert {NetworkSettings, TrainingSettings, config.EncoderSettings, config.ExtractSettings} <= set(ALL)


def test_help_of_unit() -> None:
    assert help_of(Sample, "plain") == "Two lines, one sentence."
    assert help_of(Sample, "other") == "Another."
    assert help_of(TrainingSettings, "accumulate") == "Batches per update; their gradients are averaged."


@pytest.mark.parametrize("name", ["bare", "number", "missing"])
def test_help_of_exception(name: str) -> None:
    with pytest.raises(LookupError, match=f"Sample.{name} has no docstring"):
        help_of(Sample, name)


@pytest.mark.parametrize("settings", ALL)
def test_settings_smoke(settings: type) -> None:
    made = settings()
    assert made == settings()
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(settings)[0].name, None)
    told = [field.name for field in fields(settings) if _has_help(settings, field.name)]
    assert told  # at least some are told to the user


def _has_help(settings: type, name: str) -> bool:
    try:
        return bool(help_of(settings, name))
    except LookupError:
        return False


@pytest.mark.parametrize(
    ("settings", "values", "message"),
    [
        (NetworkSettings, {"width": 0}, "network: width must be above 0, not 0"),
        (NetworkSettings, {"width": float("nan")}, "width must be above 0, not nan"),
        (NetworkSettings, {"temperature": -1}, "temperature must be above 0, not -1"),
        (NetworkSettings, {"input_size": 8}, "input_size must be at least 32, not 8"),
        (TrainingSettings, {"epochs": 0}, "training: epochs must be at least 1, not 0"),
        (TrainingSettings, {"batch": 1}, "batch must be at least 2, not 1"),
        (TrainingSettings, {"crop": 8}, "crop must be at least 16, not 8"),
        (TrainingSettings, {"learning_rate": 0}, "learning_rate must be above 0, not 0"),
        (TrainingSettings, {"weight_decay": -0.1}, "weight_decay must be at least 0, not -0.1"),
        (TrainingSettings, {"average": 1}, "average must be below 1, not 1"),
        (TrainingSettings, {"seed": -1}, "seed must be at least 0, not -1"),
        (TrainingSettings, {"workers": -1}, "workers must be at least 0, not -1"),
    ],
)
def test_settings_exception(settings: type, values: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**values)
    assert message in str(caught.value)


def test_all_problems_are_told_together() -> None:
    with pytest.raises(SettingsError, match=r"epochs .*; batch .*; average "):
        TrainingSettings(epochs=0, batch=0, average=2)


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from cartoon_color.device import choose_device, fast_dtype

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(SettingsError, match="--device cpu"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == torch.device("cpu")

    for has_bfloat16, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda has=has_bfloat16: has)
        assert fast_dtype(torch.device("cuda")) == expected
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda has=has_bfloat16: {"avx512_bf16": has, "avx2": True}, raising=False
        )
        assert fast_dtype(torch.device("cpu")) == expected


def test_device_smoke() -> None:
    import torch

    from cartoon_color.device import choose_device, fast_dtype

    assert fast_dtype(choose_device("auto")) in (torch.bfloat16, torch.float32)
