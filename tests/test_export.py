"""Weights as ONNX graphs, run by ONNX Runtime."""

from __future__ import annotations

import json
from importlib import util
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

from cartoon_color import checkpoint, cli, color, export, variants
from cartoon_color.config import NetworkSettings
from cartoon_color.errors import MissingExtraError, OutputError

TRAINING = {"episodes": [[{"name": "a", "license": "MIT"}, {"name": "b", "license": "CC0"}], [{"license": "MIT"}]]}


def weights(name: str, folder: Path) -> checkpoint.Checkpoint:
    """Of a narrow network whose statistics are no longer those it began with."""
    torch.manual_seed(3)
    model = variants.build(name, NetworkSettings(width=0.06, temperature=0.5, input_size=64)).train()
    with torch.no_grad():
        for _ in range(3):
            model(100 * torch.rand(2, 1, 64, 64))
    checkpoint.save(model, folder / "weights.safetensors", TRAINING)
    return checkpoint.load(folder / "weights.safetensors")


@pytest.mark.parametrize("name", ["compact", "reference-cnn", "plain", "plain-l2", "residual"])
def test_onnx_gives_what_torch_gives(name: str, tmp_path: Path) -> None:
    loaded = weights(name, tmp_path)
    told = export.export_onnx(loaded, tmp_path / "graph.onnx")
    assert told < 1e-3
    session = onnxruntime.InferenceSession(tmp_path / "graph.onnx")
    assert [entry.name for entry in session.get_inputs()] == ["lightness"]
    for size in ((2, 1, 64, 96), (1, 1, 55, 42)):
        lightness = 100 * torch.rand(size)
        given = dict(
            zip(
                (entry.name for entry in session.get_outputs()),
                session.run(None, {"lightness": lightness.numpy()}),
                strict=True,
            )
        )
        with torch.inference_mode():
            wanted = loaded.model.colorize(lightness)
        assert given["ab"].shape == (size[0], 2, -(-size[2] // 4), -(-size[3] // 4))
        np.testing.assert_allclose(given["ab"], wanted.ab, atol=1e-3)
        assert ("logits" in given) == (wanted.logits is not None)
        if wanted.logits is not None:
            np.testing.assert_allclose(given["logits"], wanted.logits, atol=1e-3)
            powers = np.exp(given["logits"].astype(np.float64) / 0.5)
            mean = np.einsum("nkhw,kc->nchw", powers / powers.sum(axis=1, keepdims=True), color.AB_BINS)
            np.testing.assert_allclose(given["ab"], mean, atol=1e-3)


def test_the_story_is_told(tmp_path: Path) -> None:
    loaded = weights("plain-l2", tmp_path)
    export.export_onnx(loaded, tmp_path / "graph.onnx")
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "graph.onnx").metadata_props}
    assert (told["variant"], told["input_size"], told["sha256"]) == ("plain-l2", "64", loaded.sha256)
    assert json.loads(told["licenses"]) == ["CC0", "MIT"]
    assert json.loads(told["training"]) == TRAINING


def test_the_default_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "new" / "default.onnx"
    done = CliRunner().invoke(cli.app, ["export", "default", "--out", str(out)])
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    assert [entry.name for entry in out.parent.iterdir()] == ["default.onnx"]
    again = CliRunner().invoke(cli.app, ["export", "default", "--out", str(out)])
    assert isinstance(again.exception, OutputError)
    assert "add --overwrite" in str(again.exception)


def test_references_stay_outside(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    checkpoint.save(variants.build("reference-cnn", NetworkSettings(width=0.1, input_size=64)), path, {})
    done = CliRunner().invoke(cli.app, ["export", str(path), "--out", str(tmp_path / "graph.onnx")])
    assert done.exit_code == 0
    assert "reference-cnn takes no references" in done.stderr


def test_a_graph_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = weights("plain-l2", tmp_path)
    other = export._convert(variants.build("plain-l2", loaded.model.settings).eval(), {})
    monkeypatch.setattr(export, "_convert", lambda *_: other)
    with pytest.raises(OutputError, match=r"differs from the network by \S+, more than 0\.001, so nothing was"):
        export.export_onnx(loaded, tmp_path / "graph.onnx")
    assert not (tmp_path / "graph.onnx").exists()


def test_export_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = weights("plain-l2", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"can't be written to \S+ \(\w.*\); choose another --out"):
        export.export_onnx(loaded, tmp_path / "file" / "graph.onnx")
    find = util.find_spec
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    with pytest.raises(MissingExtraError, match=r"needs onnxruntime, not installed here; pip install '\S+\[export\]'"):
        export.export_onnx(loaded, tmp_path / "graph.onnx")
