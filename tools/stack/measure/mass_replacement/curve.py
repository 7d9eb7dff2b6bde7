"""The picture of docs/scale.md: certificates replaced and served over time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from html import escape

from stack.measure.mass_replacement.scenarios import Result

_WIDTH, _HEIGHT = 640, 300
_LEFT, _TOP = 52, 16
_COLOURS = ("#0b5fa5", "#b3410b", "#2e7d32", "#6a1b9a", "#8a6d00", "#37474f")
_LINE = 18  # pixels of the legend


def drawn(results: Sequence[Result], hours: int) -> str:
    """Return the SVG: the share of the certificates that is served, over *hours*."""
    height = _TOP + _HEIGHT + 40 + _LINE * len(results)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 16} {height}" font-size="12">',
        "<title>Certificates replaced and served over time</title>",
        f'<rect width="{_LEFT + _WIDTH + 16}" height="{height}" fill="#fff"/>',
        *_axes(hours),
    ]
    for number, result in enumerate(results):
        colour, y = _COLOURS[number % len(_COLOURS)], _TOP + _HEIGHT + 44 + _LINE * number
        lines += [
            f'<path d="{_path(result, hours)}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<path d="M{_LEFT},{y - 4}h24" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{_LEFT + 32}" y="{y}">{escape(result.scenario.name)}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _axes(hours: int) -> Iterator[str]:
    for share in range(0, 101, 25):
        y = _y(share / 100)
        yield f'<path d="M{_LEFT},{y}h{_WIDTH}" stroke="#ccc"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{share} %</text>'
    for hour in range(0, hours + 1, 3):
        x = _x(hour, hours)
        yield f'<text x="{x}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{hour} h</text>'


def _path(result: Result, hours: int) -> str:
    """Steps of ten minutes."""
    points = []
    for step in range(hours * 6 + 1):
        share = bisect_right(result.served, step / 6) / result.scenario.certificates
        points.append(f"{_x(step / 6, hours)},{_y(share)}")
    return "M" + "L".join(points)


def _x(hour: float, hours: int) -> float:
    return round(_LEFT + hour / hours * _WIDTH, 1)


def _y(share: float) -> float:
    return round(_TOP + (1 - share) * _HEIGHT, 1)
