"""PURE: small charts as inline SVG; colours and strokes are the style sheet's, every figure is also written out."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_SPARK_WIDTH, _SPARK_HEIGHT = 100, 24
_DAY_WIDTH, _COLUMN_WIDTH, _HEIGHT = 10, 4, 100


def share_bar(part: int, whole: int) -> Markup:
    """A bar that is filled as far as `part` is of `whole`."""
    filled = round(100 * part / whole, 2) if whole else 0
    return Markup(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="bar-rail" width="100" height="8"/><rect class="bar-fill" width="{}" height="8"/></svg>'
    ).format(filled)


def sparkline(values: Sequence[int]) -> Markup:
    """A line over the days; its highest point touches the top."""
    top = max(values, default=0) or 1
    step = _SPARK_WIDTH / max(1, len(values) - 1)
    scaled = (_SPARK_HEIGHT - 2 - value / top * (_SPARK_HEIGHT - 4) for value in values)
    points = [f"{place * step:.2f},{height:.2f}" for place, height in enumerate(scaled)]
    area = f"0,{_SPARK_HEIGHT} {' '.join(points)} {_SPARK_WIDTH},{_SPARK_HEIGHT}"
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<polygon class="spark-area" points="{}"/><polyline class="spark-line" points="{}"/></svg>'
    ).format(_SPARK_WIDTH, _SPARK_HEIGHT, area, " ".join(points))


def columns(pairs: Sequence[tuple[int, int]], top: int, label: str) -> Markup:
    """Two columns for each day, on a scale from 0 to `top`; `label` says in words what is to be seen."""
    width = _DAY_WIDTH * max(1, len(pairs))
    lines = Markup("").join(
        Markup('<line class="grid" x1="0" x2="{}" y1="{}" y2="{}"/>').format(width, y, y) for y in (0, 50, 100)
    )
    bars = Markup("").join(
        _column(place * _DAY_WIDTH + 1 + side * _COLUMN_WIDTH, value, top, name)
        for place, pair in enumerate(pairs)
        for side, (value, name) in enumerate(zip(pair, ("column-in", "column-out"), strict=True))
    )
    return Markup(
        '<svg class="columns" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>'
    ).format(width, _HEIGHT, label, lines, bars)


def scale(pairs: Sequence[tuple[int, int]]) -> int:
    """The first round and even number that no value exceeds: 2, 4, 6 or 10 times a power of ten.

    >>> scale([(7, 23)]), scale([]), scale([(100, 3)]), scale([(0, 501)])
    (40, 2, 100, 600)
    """
    most, power = max((max(pair) for pair in pairs), default=0), 1
    while True:
        for step in (2, 4, 6, 10):
            if step * power >= most:
                return step * power
        power *= 10


def _column(x: int, value: int, top: int, name: str) -> Markup:
    height = round(_HEIGHT * value / top, 2)
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        name, x, round(_HEIGHT - height, 2), _COLUMN_WIDTH, height
    )
