"""Weights for other programs: network and decoding as one ONNX graph."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cartoon_color import __version__, variants
from cartoon_color.checkpoint import Checkpoint
from cartoon_color.errors import MissingExtraError, OutputError
from cartoon_color.files import write_atomically

OPSET = 18
TOLERANCE = 1e-3
"""Greatest difference in a, b and logits between the exported graph and the network."""
_CHECKED = ((64, 64), (70, 93))
"""Heights and widths of the pictures that are compared, beside the network's own; the last fits no stride."""
_PACKAGES = ("onnx", "onnxruntime")


class _Graph(nn.Module):
    """What is exported: plain tensors in, plain tensors out."""

    def __init__(self, model: variants.Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, lightness: Tensor) -> tuple[Tensor, ...]:
        """L* (N, 1, H, W) to a, b and, where there are any, logits."""
        prediction = self.model.colorize(lightness)
        return (prediction.ab,) if prediction.logits is None else (prediction.ab, prediction.logits)


def export_onnx(weights: Checkpoint, out: Path) -> float:
    """Write a model as ONNX, atomically, after ONNX Runtime has given what the model itself gives.

    The graph takes `lightness` (N, 1, H, W) float32, L* 0..100, of any size, and gives `ab` (N, 2, h, w) float32 at a
    quarter of it, rounded up; from variants with a histogram `logits` (N, 313, h, w), too. Its metadata tells variant,
    settings, checksum and training, which names the licenses, as the checkpoint does.

    Returns:
        The greatest difference from the model; see TOLERANCE.

    Raises:
        MissingExtraError: The extra `export` is not installed.
        OutputError: The file can't be written, or the graph differs by more than TOLERANCE.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the export to ONNX needs {' and '.join(missing)}, not installed here; pip install 'cartoon-color[export]'"
        )
    model = weights.model.eval()
    metadata = {
        "program": f"cartoon-color {__version__}",
        "variant": model.variant.name,
        "input_size": str(model.settings.input_size),
        "temperature": str(model.settings.temperature),
        "width": str(model.settings.width),
        "sha256": weights.sha256,
        "licenses": json.dumps(_licenses(weights.training)),
        "training": json.dumps(dict(weights.training)),
    }
    content = _convert(model, metadata)
    generator = torch.Generator().manual_seed(0)
    sizes = (*_CHECKED, (model.settings.input_size,) * 2)
    difference = max(
        difference_from(content, model, 100 * torch.rand(count, 1, *size, generator=generator))
        for count, size in enumerate(sizes, start=1)
    )
    if not difference <= TOLERANCE:
        raise OutputError(
            f"the ONNX graph differs from the network by {difference:g}, more than {TOLERANCE:g}, so nothing was "
            "written; try another version of PyTorch or ONNX Runtime"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, content)
    except OSError as error:
        raise OutputError(f"the ONNX file can't be written to {out} ({error.strerror}); choose another --out") from None
    return difference


def difference_from(content: bytes, model: variants.Model, lightness: Tensor) -> float:
    """Greatest difference between what ONNX Runtime makes of (N, 1, H, W) L* and what the model does."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = session.run(None, {"lightness": lightness.numpy()})
    with torch.inference_mode():
        wanted = _Graph(model)(lightness)
    return max(float(np.abs(one - other.numpy()).max()) for one, other in zip(given, wanted, strict=True))


def _convert(model: variants.Model, metadata: Mapping[str, str]) -> bytes:
    """The graph, with its metadata, in ONNX's own format."""
    import onnx

    names = ["ab"] if model.head.name == "ab" else ["ab", "logits"]
    sizes = {0: "pictures", 2: "height", 3: "width"}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "graph.onnx"
        # PyTorch's newer exporter takes 30 s where this one, which is to go some day, takes 1.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Graph(model).eval(),
            (torch.zeros(1, 1, 96, 136),),
            path,
            dynamo=False,
            input_names=["lightness"],
            output_names=names,
            dynamic_axes=dict.fromkeys(("lightness", *names), sizes),
            opset_version=OPSET,
        )
        graph = onnx.load(path)
    onnx.helper.set_model_props(graph, dict(metadata))
    onnx.checker.check_model(graph)
    content: bytes = graph.SerializeToString()
    return content


def _licenses(training: Mapping[str, Any]) -> list[str]:
    """Of what the weights were trained on."""
    episodes = [episode for show in training.get("episodes", []) for episode in show]
    return sorted({episode["license"] for episode in episodes})
