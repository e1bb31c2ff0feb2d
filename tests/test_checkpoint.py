"""Weights on disk: they come back as they were, or not at all."""

from __future__ import annotations

import json
import struct
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save as serialize

from cartoon_color import checkpoint, variants
from cartoon_color.config import NetworkSettings
from cartoon_color.errors import OutputError, SettingsError, WeightsError

SMALL = NetworkSettings(width=0.1, temperature=0.5, input_size=64)
STORY = {"shows": ["drawn"], "loss": 1.25, "epochs_done": 3, "note": "Křemílek"}


@pytest.fixture
def model() -> variants.Model:
    model = variants.build("compact", SMALL)
    with torch.no_grad():
        model.train()(100 * torch.rand(2, 1, 32, 32))  # statistics of batch normalization other than the first
    return model


@pytest.fixture
def path(model: variants.Model, tmp_path: Path) -> Path:
    path = tmp_path / "compact.safetensors"
    checkpoint.save(model, path, STORY)
    return path


def rewrite(
    path: Path, model: variants.Model, *, tensors: dict[str, torch.Tensor] | None = None, **changes: Any
) -> None:
    """Write a checkpoint with other metadata (None takes an entry away), its checksum right unless told otherwise."""
    tensors = model.state_dict() if tensors is None else tensors
    metadata: dict[str, Any] = {
        "format": checkpoint.FORMAT,
        "variant": "compact",
        "settings": json.dumps({"width": 0.1, "temperature": 0.5, "input_size": 64}),
        "training": "{}",
        "sha256": checkpoint._digest(tensors),
    } | changes
    path.write_bytes(serialize(tensors, {key: value for key, value in metadata.items() if value is not None}))


def refused(path: Path, *words: str) -> str:
    with pytest.raises(WeightsError) as caught:
        checkpoint.load(path)
    message = str(caught.value)
    for word in (str(path), *words):
        assert word in message
    assert "\n" not in message
    return message


def test_round_trip(model: variants.Model, path: Path) -> None:
    loaded = checkpoint.load(path)
    assert loaded.training == STORY
    assert loaded.model.settings == SMALL
    assert loaded.model.variant is variants.VARIANTS["compact"]
    assert not loaded.model.training
    kept, found = model.state_dict(), loaded.model.state_dict()
    assert kept.keys() == found.keys()
    for name, tensor in kept.items():
        assert torch.equal(tensor, found[name]), name
        assert tensor.dtype == found[name].dtype
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_round_trip_half(model: variants.Model, path: Path) -> None:
    half = path.with_name("half.safetensors")
    checkpoint.save(model, half, STORY, half=True)
    assert half.stat().st_size < 0.6 * path.stat().st_size
    found = checkpoint.load(half).model.state_dict()
    for name, tensor in model.state_dict().items():
        assert found[name].dtype == tensor.dtype
        if tensor.is_floating_point():
            torch.testing.assert_close(found[name], tensor, rtol=2**-11, atol=2**-24)
            assert torch.equal(found[name], tensor.half().float() if tensor.ndim > 1 else tensor)
        else:
            assert torch.equal(found[name], tensor)


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_round_trip_predicts_the_same(name: str, tmp_path: Path) -> None:
    model = variants.build(name, SMALL).eval()
    checkpoint.save(model, tmp_path / "any.safetensors", {})
    lightness = 100 * torch.rand(1, 1, 40, 48)
    with torch.inference_mode():
        assert torch.equal(
            checkpoint.load(tmp_path / "any.safetensors").model.colorize(lightness).ab, model.colorize(lightness).ab
        )


def test_checksum_tells_weights_apart(model: variants.Model, path: Path) -> None:
    digest = checkpoint.load(path).sha256
    assert len(digest) == 64
    other = path.with_name("other.safetensors")
    checkpoint.save(model, other, {"another": "story"})
    assert checkpoint.load(other).sha256 == digest
    with torch.no_grad():
        model.network.predict.bias[0] += 1e-3
    checkpoint.save(model, other, STORY)
    assert checkpoint.load(other).sha256 != digest


def test_no_pickle(model: variants.Model, path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert header["__metadata__"]["variant"] == "compact"
    assert header["__metadata__"].keys() == {"format", "variant", "settings", "training", "sha256"}
    pickled = tmp_path / "pickled.safetensors"
    torch.save(model.state_dict(), pickled)
    refused(pickled, "safetensors")


# --- WeightsError, one by one ---


def test_missing(tmp_path: Path) -> None:
    refused(tmp_path / "none.safetensors", "there are no weights", "cartoon-color train")
    refused(tmp_path, "there are no weights")


@pytest.mark.parametrize("content", [b"", b"just text, and more than eight bytes of it\n", b"\x10" + bytes(30)])
def test_another_kind_of_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.safetensors"
    path.write_bytes(content)
    refused(path, "can't be read as safetensors")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "damaged")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_flipped_byte(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    at = 8 + length + int(share * (len(content) - 8 - length))
    content[at] ^= 1
    path.write_bytes(content)
    refused(path, "damaged", "checksum")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_not_finite(model: variants.Model, path: Path, value: float) -> None:
    with torch.no_grad():
        model.network.predict.bias[7] = value
    checkpoint.save(model, path, STORY)
    refused(path, "not finite", "network.predict.bias")


def test_unknown_variant(model: variants.Model, path: Path) -> None:
    rewrite(path, model, variant="grand")
    refused(path, "'grand'", "compact")


@pytest.mark.parametrize("change", ["width", "missing", "extra", "shape"])
def test_tensors_that_do_not_fit(model: variants.Model, path: Path, change: str) -> None:
    tensors = dict(model.state_dict())
    settings = {"width": 0.1, "temperature": 0.5, "input_size": 64}
    name = "network.predict.bias"
    match change:
        case "width":
            settings["width"] = 1.0
        case "missing":
            del tensors[name]
        case "extra":
            tensors["network.predict.other"] = torch.zeros(3)
        case "shape":
            tensors[name] = tensors[name][:5].clone()
    rewrite(path, model, tensors=tensors, settings=json.dumps(settings))
    refused(path, "doesn't fit the variant 'compact'", "network.")


@pytest.mark.parametrize("key", ["format", "variant", "settings", "training", "sha256"])
def test_missing_metadata(model: variants.Model, path: Path, key: str) -> None:
    rewrite(path, model, **{key: None})
    refused(path)


def test_foreign_safetensors(path: Path) -> None:
    path.write_bytes(serialize({"weight": torch.zeros(3)}))
    refused(path, "no checkpoint of cartoon-color", "cartoon-color/1")


@pytest.mark.parametrize("value", ["cartoon-color/2", "other"])
def test_other_format(model: variants.Model, path: Path, value: str) -> None:
    rewrite(path, model, format=value)
    refused(path, repr(value), "cartoon-color/1")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("settings", "not JSON"),
        ("settings", '{"width": 0.1, "depth": 3}'),
        ("settings", '{"width": -1}'),
        ("settings", '{"width": "wide"}'),
        ("settings", "[1]"),
        ("settings", "7"),
        ("training", "{"),
    ],
)
def test_wrong_description(model: variants.Model, path: Path, key: str, value: str) -> None:
    rewrite(path, model, **{key: value})
    refused(path, "description inside", "can't be used")


# --- what is left behind ---


def test_failed_save_leaves_nothing(model: variants.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "compact.safetensors"
    checkpoint.save(model, path, {"turn": 1})

    def full(self: Path, _: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match=r"No space left on device.*choose another place"):
        checkpoint.save(model, path, {"turn": 2})
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert checkpoint.load(path).training == {"turn": 1}

    def interrupted(self: Path, _: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(model, path, {"turn": 3})
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_save_where_nothing_can_be_written(model: variants.Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="can't be written"):
        checkpoint.save(model, tmp_path / "file" / "compact.safetensors", {})
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(OutputError, match="can't be written"):
        checkpoint.save(model, tmp_path / "folder.safetensors", {})
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.safetensors"]


# --- choosing ---


def test_choose_weights(model: variants.Model, path: Path, tmp_path: Path) -> None:
    other = tmp_path / "runs" / "other.safetensors"
    checkpoint.save(model, other, STORY)
    assert checkpoint.choose_weights([], []) == [checkpoint.default_weights()]
    assert checkpoint.choose_weights([path], []) == [path]
    assert checkpoint.choose_weights([other.parent, path], []) == [other, path]
    assert checkpoint.choose_weights([tmp_path], ["compact"]) == [path]
    assert checkpoint.choose_weights([path, other], ["compact"]) == [path, other]
    (other.parent / "README.txt").write_text("ignored")
    assert checkpoint.choose_weights([other.parent], []) == [other]


def test_choose_weights_exception(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"no variant 'grand'; choose one of: compact, plain"):
        checkpoint.choose_weights([path], ["compact", "grand"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(WeightsError, match=r"no \.safetensors files in"):
        checkpoint.choose_weights([path, empty], [])
    with pytest.raises(WeightsError, match="there are no weights at"):
        checkpoint.choose_weights([tmp_path / "none.safetensors"], ["compact"])
    monkeypatch.setitem(variants.VARIANTS, "grand", variants.VARIANTS["compact"])
    with pytest.raises(WeightsError, match=r"no weights of the variant grand in .*--weights"):
        checkpoint.choose_weights([path], ["grand"])


def test_loading_warns_of_nothing(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checkpoint.load(path)
