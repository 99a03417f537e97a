"""A line plot on two logarithmic scales, as plain SVG: text in, text out, no library, the same bytes everywhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 46, 52
COLOURS = ("#0b5394", "#b45f06", "#38761d", "#741b47")
DASHES = ("", "7 4", "2 4", "10 3 2 3")  # told apart without colour, too


@dataclass(frozen=True)
class Line:
    """A curve by its points, `(x, y)` above zero, x ascending."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Mark:
    """A point that is named."""

    x: float
    y: float
    text: str


def svg(title: str, x_name: str, y_name: str, lines: Sequence[Line], marks: Sequence[Mark] = ()) -> str:
    """The plot. Scales reach over whole powers of ten around all points."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    x_low, x_high = math.floor(math.log10(min(xs))), math.ceil(math.log10(max(xs)))
    y_low, y_high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(x: float) -> float:
        return round(LEFT + (math.log10(x) - x_low) / (x_high - x_low) * (right - LEFT), 1)

    def up(y: float) -> float:
        return round(bottom - (math.log10(y) - y_low) / (y_high - y_low) * (bottom - TOP), 1)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for power in range(x_low, x_high + 1):
        x = across(10.0**power)
        out += [
            f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="#dddddd"/>',
            f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{10**power:,}</text>',
        ]
    for power in range(y_low, y_high + 1):
        y = up(10.0**power)
        out += [
            f'<line x1="{LEFT}" y1="{y}" x2="{right}" y2="{y}" stroke="#dddddd"/>',
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"}</text>',
        ]
    middle = (TOP + bottom) / 2
    out += [
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_name)}</text>',
        f'<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">{escape(y_name)}</text>',
    ]
    for index, (line, y) in enumerate(zip(lines, _apart([up(line.points[-1][1]) for line in lines]), strict=True)):
        points = " ".join(f"{across(x)},{up(y_)}" for x, y_ in line.points)
        dash = f' stroke-dasharray="{DASHES[index]}"' if DASHES[index] else ""
        out += [
            f'<polyline points="{points}" fill="none" stroke="{COLOURS[index]}" stroke-width="2"{dash}/>',
            f'<text x="{right + 8}" y="{y + 4}" fill="{COLOURS[index]}">{escape(line.name)}</text>',
        ]
    for mark in marks:
        x, y = across(mark.x), up(mark.y)
        out += [
            f'<circle cx="{x}" cy="{y}" r="4" fill="#ffffff" stroke="#000000" stroke-width="1.5"/>',
            f'<text x="{x - 8}" y="{y - 9}" text-anchor="end">{escape(mark.text)}</text>',
        ]
    return "\n".join([*out, "</svg>"]) + "\n"


def _apart(ys: Sequence[float], least: float = 15) -> list[float]:
    """The same heights, moved down where two labels would lie on each other."""
    order = sorted(range(len(ys)), key=lambda i: ys[i])
    positions = list(ys)
    for above, below in itertools.pairwise(order):
        positions[below] = max(positions[below], positions[above] + least)
    return positions
