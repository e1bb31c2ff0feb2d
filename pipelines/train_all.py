"""Train all variants, one after the other, in calls of limited time: for machines that are lent for minutes.

python pipelines/train_all.py --out runs --minutes 10 --manifest datasets/rumcajs.toml --dataset dataset/

The same call goes on where the last one stopped, until it says that all are finished. Options that are not listed below
go to `cartoon-color train`. Weights come to lie in OUT/VARIANT, as in a study's `runs/`.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cartoon_color.variants import VARIANTS

Run = Callable[[str, float], bool]
"""Trains a variant for so many minutes at most; says whether it is finished."""

SPARE = 0.1
"""Share of the time that no training is given: for its start, its last update, and for saving."""
LEAST = 0.25
"""Share of the time that must be left to begin with another: the first weights and the prior take a minute or so."""


def choose(variants: Sequence[str] | None, frozen_vgg: str | None) -> list[str]:
    """What to train: by default all that learn from pictures alone, and frozen-vgg if its frozen layers are given."""
    return list(variants or (name for name, known in VARIANTS.items() if frozen_vgg or known.load_frozen is None))


def marker(out: Path, variant: str) -> Path:
    """The file that says that a variant is finished, as in a study's `runs/`."""
    return out / f"{variant}.done"


def is_finished(out: Path, variant: str) -> bool:
    """Whether its weights are there, after all epochs."""
    return marker(out, variant).is_file() and (out / variant / f"{variant}.safetensors").is_file()


def go_on(
    variants: Sequence[str], out: Path, minutes: float, run: Run, clock: Callable[[], float] = time.monotonic
) -> list[str]:
    """Train what is not finished, in order, until the time is over; a training that fails doesn't hold up the others.

    Returns:
        The variants that failed.
    """
    end, failed = clock() + 60 * minutes, []
    for variant in variants:
        left = (end - clock()) / 60
        if is_finished(out, variant):
            continue
        if left < minutes * LEAST:
            break
        try:
            if run(variant, left - minutes * SPARE):
                marker(out, variant).touch()
        except subprocess.CalledProcessError:
            failed.append(variant)
    return failed


def report(variants: Sequence[str], out: Path) -> str:
    """A line for each variant, and what is left to do."""
    left = [variant for variant in variants if not is_finished(out, variant)]
    lines = [f"{variant:24} {_progress(out, variant) if variant in left else 'finished'}" for variant in variants]
    if left:
        return "\n".join([*lines, f"{len(left)} of {len(variants)} are left; the same command goes on."])
    return "\n".join([*lines, f"All {len(variants)} are finished."])


def _progress(out: Path, variant: str) -> str:
    """How far a training has come, by its curve."""
    curve = out / variant / f"{variant}.csv"
    if not curve.is_file():
        return "not begun"
    with curve.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return "not begun"
    return f"in epoch {rows[-1]['epoch']}, after update {rows[-1]['update']} and {float(rows[-1]['seconds']):.0f} s"


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Go on for some minutes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for all of them")
    parser.add_argument("--minutes", type=float, default=10, help="for the whole call [default: 10]")
    parser.add_argument("--variant", action="append", choices=VARIANTS, help="only this one; may be repeated")
    parser.add_argument("--workers", type=int, default=max(1, cores() - 1), help="[default: all cores but one]")
    parser.add_argument("--frozen-vgg", metavar="FILE", help="train frozen-vgg, too, over these layers")
    given, others = parser.parse_known_args()

    def run(variant: str, minutes: float) -> bool:
        words = ["train", *others, "--variant", variant, "--out", str(given.out / variant)]
        words += ["--workers", str(given.workers), "--minutes", f"{minutes:.3f}"]
        if VARIANTS[variant].load_frozen is not None and given.frozen_vgg:
            words += ["--frozen-vgg", given.frozen_vgg]
        sys.stderr.write(f"{variant}, for {minutes:.1f} minutes at most\n")
        command = [sys.executable, "-c", "from cartoon_color.cli import main; main()", *words]
        # It prints the path of the weights when it is finished, and nothing when it is not.
        return bool(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())

    variants = choose(given.variant, given.frozen_vgg)
    failed = go_on(variants, given.out, given.minutes, run)
    sys.stdout.write(report(variants, given.out) + "\n")
    if failed:
        sys.exit(f"These failed, for the reasons told above: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
