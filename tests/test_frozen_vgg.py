"""The head over VGG-16's first layers: what is read from a file, what training leaves alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.signal import correlate
from shows import TRAINING_ONLY, write_pictures
from torch import Tensor
from typer.testing import CliRunner

from cartoon_color import checkpoint, cli, variants
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.errors import SettingsError, WeightsError
from cartoon_color.training import train
from cartoon_color.variants.vgg import FrozenLayers, load_frozen

SHAPES = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256), 14: (256, 256)}
SHAPES |= {17: (512, 256), 19: (512, 512)}
"""By torchvision's numbers of the layers: channels out and in."""
NARROW = NetworkSettings(width=0.0625)


def vgg(width: float = 0.0625, prefix: str = "features.") -> dict[str, Tensor]:
    """Random weights under torchvision's names, with one layer more than is needed."""
    tensors = {}
    for number, (out, before) in {**SHAPES, 21: (512, 512)}.items():
        out, before = int(out * width), before if before == 3 else int(before * width)
        tensors[f"{prefix}{number}.weight"] = torch.randn(out, before, 3, 3) * (2 / (9 * before)) ** 0.5
        tensors[f"{prefix}{number}.bias"] = 0.1 * torch.randn(out)
    return tensors


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(vgg(), tmp_path / "vgg.pth")
    return tmp_path / "vgg.pth"


def frozen_of(model: variants.Model) -> dict[str, Tensor]:
    layers = next(module for module in model.modules() if isinstance(module, FrozenLayers))
    return {f"features.{name}": tensor.clone() for name, tensor in layers.features.state_dict().items()}


@pytest.mark.parametrize(
    ("width", "name", "prefix"),
    [(1, "a.pth", "features."), (0.0625, "a.safetensors", "features."), (0.0625, "a.pth", "")],
)
def test_files_of_vgg_16_are_read(tmp_path: Path, width: float, name: str, prefix: str) -> None:
    tensors = vgg(width, prefix)
    (save_file if name.endswith(".safetensors") else torch.save)(tensors, tmp_path / name)
    model = variants.build("frozen-vgg", NetworkSettings(width=width))
    load_frozen(model.network, tmp_path / name)
    found = frozen_of(model)
    assert len(found) == 18
    assert all(torch.equal(tensor, tensors[prefix + key.removeprefix("features.")]) for key, tensor in found.items())


def test_features_unit(file: Path) -> None:
    """By SciPy in float64: R = G = B of ImageNet's normalization, convolutions, ReLU, the greatest of 2x2."""
    model = variants.build("frozen-vgg", NARROW).eval()
    load_frozen(model.network, file)
    tensors = {name: tensor.double().numpy() for name, tensor in vgg_of(file).items()}
    gray = np.random.default_rng(0).uniform(0, 1, (16, 24))
    features = np.stack([(gray - mean) / spread for mean, spread in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))])
    for number in SHAPES:
        if number in (5, 10, 17):
            channels, height, width = features.shape
            features = features.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))
        padded = np.pad(features, ((0, 0), (1, 1), (1, 1)))
        weight, bias = tensors[f"features.{number}.weight"], tensors[f"features.{number}.bias"]
        features = np.stack([correlate(padded, one, "valid")[0] for one in weight]) + bias[:, None, None]
        features = np.maximum(features, 0)
    layers = next(module for module in model.modules() if isinstance(module, FrozenLayers))
    found = layers(torch.from_numpy(gray).float()[None, None])
    assert found.shape == (1, 32, 2, 3)
    np.testing.assert_allclose(found[0], features, atol=1e-4 * features.max())


def vgg_of(file: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = torch.load(file, weights_only=True)
    return tensors


def test_wrong_files_are_told(tmp_path: Path, file: Path) -> None:
    model = variants.build("frozen-vgg", NARROW)
    before = frozen_of(model)
    tensors = vgg()
    del tensors["features.0.bias"]
    tensors["features.2.weight"] = torch.zeros(4, 4, 5, 5)
    tensors["features.5.bias"][3] = torch.nan
    torch.save(tensors, tmp_path / "wrong.pth")
    with pytest.raises(WeightsError) as caught:
        load_frozen(model.network, tmp_path / "wrong.pth")
    message = str(caught.value)
    for part in (
        "features.0.bias is missing; ",
        "features.2.weight is (4, 4, 5, 5) where the network has (4, 4, 3, 3); ",
        "features.5.bias holds values that are not finite; ",
        "--width 1",
    ):
        assert part in message
    assert "\n" not in message
    assert "features.7" not in message
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen_of(model).items())

    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "text.safetensors").write_text("no weights")
    torch.save({"trap": tmp_path}, tmp_path / "code.pth")
    for name in ("text.pth", "empty.pth", "text.safetensors", "code.pth"):
        with pytest.raises(WeightsError, match=rf"{name} can't be read as weights \(.+\); give") as caught:
            load_frozen(model.network, tmp_path / name)
        assert "\n" not in str(caught.value)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"features\.0\.weight is missing; .*features\.19\.bias is missing"):
        load_frozen(model.network, tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"no weights at .*none\.pth; give"):
        load_frozen(model.network, tmp_path / "none.pth")


SETTINGS = TrainingSettings(epochs=1, batch=2, crop=32, learning_rate=1e-2, weight_decay=0.1, workers=0)


def trained(folder: Path, out: str, variant: str = "frozen-vgg", **given: Path | None) -> Path:
    dataset = folder / "dataset"
    if not dataset.exists():
        write_pictures(dataset)
    shows = [(TRAINING_ONLY, dataset)]
    return train(shows, variant, folder / out, network=NARROW, settings=SETTINGS, device="cpu", **given)


def test_training_leaves_frozen_layers_alone(tmp_path: Path, file: Path) -> None:
    """Under weight decay, with an average of the weights, and with first weights from the data."""
    loaded = checkpoint.load(trained(tmp_path, "first", frozen=file))
    tensors = vgg_of(file)
    for name, tensor in frozen_of(loaded.model).items():
        assert torch.equal(tensor, tensors[name].half().float() if tensor.ndim > 1 else tensors[name])
    assert loaded.training["frozen"] is not None

    start = trained(tmp_path, "first", frozen=file)
    again = checkpoint.load(trained(tmp_path, "second", start=start))
    for name, tensor in frozen_of(again.model).items():
        assert torch.equal(tensor, frozen_of(loaded.model)[name])
    moved = [
        name
        for (name, one), two in zip(loaded.model.named_parameters(), again.model.parameters(), strict=True)
        if not torch.equal(one, two)
    ]
    assert moved
    assert not any("features" in name for name in moved)

    torch.manual_seed(9)
    torch.save(vgg(), tmp_path / "other.pth")
    with pytest.raises(SettingsError, match=r"holds another training \(frozen was '\w+' and is '\w+'\)"):
        trained(tmp_path, "first", frozen=tmp_path / "other.pth")


def test_frozen_layers_in_full_precision(file: Path) -> None:
    model = variants.build("frozen-vgg", NARROW)
    load_frozen(model.network, file)
    before = frozen_of(model)
    lightness = 100 * torch.rand(2, 1, 32, 32)
    assert model.variant.initialize is not None
    model.variant.initialize(model, [lightness])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.5)
    torch.autograd.backward(model.train().loss(model(lightness), torch.zeros(2, 2, 8, 8)))
    optimizer.step()
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen_of(model).items())


def test_missing_and_needless_files(tmp_path: Path, file: Path) -> None:
    with pytest.raises(SettingsError, match=r"frozen-vgg takes its frozen layers from --frozen-vgg FILE.*neither of"):
        trained(tmp_path, "out")
    with pytest.raises(SettingsError, match=r"the variant plain has no frozen layers for .*vgg\.pth; leave"):
        trained(tmp_path, "out", "plain", frozen=file)
    start = tmp_path / "start.safetensors"
    checkpoint.save(variants.build("frozen-vgg", NARROW), start, {})
    with pytest.raises(SettingsError, match=r"vgg\.pth and .*start\.safetensors were given"):
        trained(tmp_path, "out", start=start, frozen=file)
    assert not (tmp_path / "out").exists()


def test_the_option(tmp_path: Path) -> None:
    dataset = write_pictures(tmp_path / "dataset")
    manifest = tmp_path / "show.toml"
    manifest.write_text('name = "s"\n[[episodes]]\nname = "first"\nrole = "train"\nsource = "x"\nlicense = "x"\n')
    words = ["train", "--manifest", str(manifest), "--dataset", str(dataset), "--out", str(tmp_path / "out")]
    words += ["--variant", "frozen-vgg", "--frozen-vgg", str(tmp_path / "none.pth"), "--device", "cpu"]
    words += ["--batch", "2", "--accumulate", "1", "--width", "0.0625"]
    answer = CliRunner().invoke(cli.app, words)
    assert isinstance(answer.exception, WeightsError)
    assert str(answer.exception).startswith(f"there are no weights at {tmp_path / 'none.pth'}")
