"""One page that shows an evaluation, and opens without a network."""

from __future__ import annotations

import csv
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from cartoon_color.evaluation.tables import Result

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1200px; padding: 0 1em; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #ccc; padding: .3em .7em; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
"""


def report(result: Result, figures: Mapping[str, bytes], film: str, attached: Sequence[Path] = ()) -> str:
    """The page, with its pictures inside.

    Args:
        result: Its table.
        figures: PNG files by name, in order.
        film: Name of the film side by side, in the same folder.
        attached: PNG and CSV files to show after them, under the names of their folders and files.
    """
    head = "".join(f'<th title="{escape(metric.meaning)}">{escape(metric.label)}</th>' for metric in result.metrics)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in result.cells(name, '<b>{}</b>'))}</tr>\n"
        for name in result.rows
    )
    meanings = "".join(
        f"<li><b>{escape(metric.label)}</b>: {escape(metric.meaning)}</li>\n" for metric in result.metrics
    )
    pictures = "".join(_heading(name.removesuffix(".png")) + _image(name, code) for name, code in figures.items())
    pictures += "".join(_heading(f"{path.parent.name}: {path.stem}") + _attachment(path) for path in attached)
    width, height = result.size
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(result.truth)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(result.truth)}</h1>\n"
        f"<p>{result.frames} frames, compared at {width}x{height}. The best input of each column is bold. "
        f'Side by side: <a href="{escape(film)}">{escape(film)}</a>.</p>\n'
        f"<table><tr><th></th>{head}</tr>\n{rows}</table>\n<ul>{meanings}</ul>\n{pictures}</body></html>\n"
    )


def _heading(title: str) -> str:
    return f"<h2>{escape(title.replace('_', ' ').capitalize())}</h2>\n"


def _image(name: str, code: bytes) -> str:
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{b64encode(code).decode()}">\n'


def _attachment(path: Path) -> str:
    """A picture or a table."""
    if path.suffix == ".png":
        return _image(path.name, path.read_bytes())
    with path.open(newline="", encoding="utf-8") as file:
        first, *rows = csv.reader(file)
    lines = [f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in first)}</tr>\n"]
    lines += [f"<tr>{''.join(f'<td>{_rounded(cell)}</td>' for cell in row)}</tr>\n" for row in rows]
    return f"<table>{''.join(lines)}</table>\n"


def _rounded(cell: str) -> str:
    """A number with four digits, or a text as it is."""
    try:
        return f"{float(cell):.4g}"
    except ValueError:
        return escape(cell)
