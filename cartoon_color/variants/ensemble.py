"""Several models as one Colorizer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cartoon_color import color
from cartoon_color.config import Space
from cartoon_color.variants.base import Colorizer, Prediction


class MeanEnsemble:
    """The mean of the members' colors (thesis section 8.4.2).

    In Lab it is the mean of their a, b. In RGB it is that of their sRGB at the L* that the network sees, where colors
    out of gamut are clipped first; "the choice is mostly irrelevant", as the thesis says.
    """

    def __init__(self, members: Sequence[Colorizer], *, space: Space = "lab") -> None:
        if not members:
            raise ValueError("an ensemble needs at least one member")
        self.members = members
        self.space = space

    def __call__(self, lightness: Tensor) -> Prediction:
        """Color pictures: (N, 1, H, W) float32 L* 0..100 to a Prediction.

        Its logits are those of the mean of the members' histograms, if all have one.
        """
        predictions = [member(lightness) for member in self.members]
        ab = torch.stack([prediction.ab for prediction in predictions])
        found = [prediction.logits for prediction in predictions if prediction.logits is not None]
        logits = None
        if len(found) == len(predictions):
            logits = torch.stack([one.float().log_softmax(dim=1) for one in found]).logsumexp(dim=0)
        if self.space == "lab":
            return Prediction(ab.mean(dim=0), logits)
        small = functional.interpolate(lightness.float(), ab.shape[-2:], mode="area")[:, 0]
        mean = color.mean_ab_in_rgb(small.cpu().numpy(), ab.float().permute(0, 1, 3, 4, 2).cpu().numpy())
        return Prediction(torch.from_numpy(mean).permute(0, 3, 1, 2).to(ab.device), logits)


class MaxEnsemble:
    """For each pixel, the histogram of the member that is surest, the one with the greatest probability of all.

    (Thesis section 8.4.2.) Its color is what that member makes of it.
    """

    def __init__(self, members: Sequence[Colorizer]) -> None:
        if not members:
            raise ValueError("an ensemble needs at least one member")
        self.members = members

    def __call__(self, lightness: Tensor) -> Prediction:
        """Color pictures: (N, 1, H, W) float32 L* 0..100 to a Prediction.

        Raises:
            ValueError: A member predicts no histogram.
        """
        surest: list[Tensor] = []
        for member in self.members:
            prediction = member(lightness)
            if prediction.logits is None:
                raise ValueError("a member predicts no histogram")
            found = functional.softmax(prediction.logits.float(), dim=1).amax(dim=1, keepdim=True)
            new = [found, prediction.ab, prediction.logits]
            before = surest or new
            surest = [torch.where(found > before[0], one, other) for one, other in zip(new, before, strict=True)]
        return Prediction(surest[1], surest[2])
