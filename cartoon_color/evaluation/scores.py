"""How one coloring did, gathered frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartoon_color import metrics
from cartoon_color.color import AB_BINS, encode_bins, rgb_to_lab
from cartoon_color.frames import RGB

ERROR_STEP = 0.01
ERROR_STEPS = 300
"""Steps of the histogram of per-pixel errors in alpha, beta: 0 to 3."""


@dataclass(frozen=True)
class Metric:
    """A column of the tables."""

    name: str
    label: str
    digits: int
    best: str
    """'low', 'high' or 'truth' (the nearest to the truth's own)."""
    meaning: str


PICTURE_METRICS = (
    Metric("rmse", "RMSE", 4, "low", "mean distance in alpha, beta (thesis eq. 8.1, 8.2)"),
    Metric("psnr", "PSNR", 2, "high", "dB over R'G'B', mean over frames (thesis eq. 8.3)"),
    Metric("pa", "PA", 4, "low", "perceivable artifacts: evenly colored pixels that no longer are (thesis eq. 8.4)"),
    Metric("ciede2000", "CIEDE2000", 2, "low", "mean color difference (Sharma et al. 2005)"),
    Metric("chroma_psnr", "chroma PSNR", 2, "high", "dB over a, b of all pixels and frames, peak 100"),
    Metric("ssim", "SSIM", 4, "high", "structural similarity over R'G'B' (Wang et al. 2004)"),
    Metric(
        "auc", "AuC", 4, "high", "area under the curve of pixels within an ab distance of 0 to 150 (Zhang et al. 2016)"
    ),
    Metric("auc_rebalanced", "AuC rebalanced", 4, "high", "the same, every color weighing about as much"),
    Metric("raw_accuracy", "raw accuracy", 4, "high", "share of the pixels within a distance of 20 codes in R'G'B'"),
    Metric("difference", "difference", 2, "low", "mean absolute difference of R'G'B', in percent"),
    Metric("colorfulness", "colorfulness", 1, "truth", "Hasler and Süsstrunk 2003; gray has 0"),
)
"""Of each frame by itself."""

FLICKER_METRICS = (
    Metric("cdc", "CDC", 6, "truth", "color distribution consistency: change of histograms over 1, 2 and 4 frames"),
    Metric(
        "warp_error", "warp error", 6, "truth", "mean squared change of R'G'B' (0 to 1) along flow (Lai et al. 2018)"
    ),
    Metric("flow_change", "flow change", 3, "truth", "mean absolute change of a, b along flow; gray has 0"),
    Metric("color_switch", "color switch", 4, "low", "share of regions that change color while the truth's don't"),
    Metric("exact_regions", "exact regions", 4, "high", "share of regions within 5 CIEDE2000 of the truth's color"),
    Metric("held_flicker", "held flicker", 4, "low", "mean absolute change of a, b while a drawing is held"),
)
"""Of drawings that follow each other, and of regions (`flicker`)."""

METRICS = (*PICTURE_METRICS, *FLICKER_METRICS)


class Picture:
    """A picture (H, W, 3) with its colors as measures need them."""

    def __init__(self, rgb: RGB) -> None:
        self.rgb = rgb
        self.lab = rgb_to_lab(rgb)
        self.ab = np.ascontiguousarray(self.lab[..., 1:])


class Truth(Picture):
    """A true one, with what is needed of it for every comparison."""

    def __init__(self, rgb: RGB) -> None:
        super().__init__(rgb)
        whole = np.rint(self.ab).astype(np.int64)
        # Few colors occur in a cartoon, so each is searched once.
        codes, place = np.unique((whole[..., 0] + 128) * 256 + whole[..., 1] + 128, return_inverse=True)
        colors = np.stack([codes // 256 - 128, codes % 256 - 128], axis=-1).astype(np.float32)
        self.bins = encode_bins(colors)[0][:, 0][place].reshape(whole.shape[:2])


class Scores:
    """Sums over the frames of one coloring."""

    def __init__(self) -> None:
        self.frames = 0
        self.per_image_rmse: list[float] = []
        """Of each frame, in alpha, beta: for the cumulative histogram of Figure 8.1."""
        self.pixel_errors: NDArray[np.int64] = np.zeros(ERROR_STEPS + 1, np.int64)
        """Pixels by their error in alpha, beta, in steps of `ERROR_STEP`; the last holds those beyond."""
        self._sums: dict[str, float] = {}
        self._counts: NDArray[np.int64] = np.zeros((len(AB_BINS), metrics.AB_STEPS + 1), np.int64)

    def add(self, truth: Truth, picture: Picture) -> None:
        """One frame."""
        colored, lab, ab = picture.rgb, picture.lab, picture.ab
        distance = metrics.alpha_beta_distance(truth.rgb, colored)
        steps = np.minimum(distance / ERROR_STEP, ERROR_STEPS).astype(np.int64)
        self.pixel_errors += np.bincount(steps.ravel(), minlength=ERROR_STEPS + 1)
        rmse = float(distance.mean(dtype=np.float64))
        self.per_image_rmse.append(rmse)
        self._counts += metrics.ab_error_counts(truth.ab, ab, truth.bins)
        values = {
            "rmse": rmse,
            "psnr": metrics.psnr(truth.rgb, colored),
            "pa": metrics.perceivable_artifacts(truth.ab, ab),
            "ciede2000": metrics.lab_ciede2000(truth.lab, lab),
            "ab_error": metrics.mean_squared_error(truth.ab, ab),
            "ssim": metrics.structural_similarity(truth.rgb, colored),
            "raw_accuracy": metrics.raw_accuracy(truth.rgb, colored),
            "difference": metrics.difference(truth.rgb, colored),
            "colorfulness": metrics.colorfulness(colored),
        }
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0) + value
        self.frames += 1

    def result(self) -> dict[str, float]:
        """Every metric by name."""
        means = {name: value / self.frames for name, value in self._sums.items()}
        means["chroma_psnr"] = metrics.chroma_psnr(means.pop("ab_error"))
        means["auc"] = metrics.area_under_curve(self._counts)
        means["auc_rebalanced"] = metrics.area_under_curve(self._counts, metrics.rarity(self._counts))
        return {metric.name: means[metric.name] for metric in PICTURE_METRICS}
