"""A line chart as SVG, readable on light and dark pages."""

from html import escape
from pathlib import Path

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 50, 50
INK = "#6b7280"
LINE = "#2f7dd1"


def line(path: Path, title: str, x_label: str, unit: str, points: list[tuple[float, float]]) -> None:
    """Draws the points, both axes from zero, each point with its value."""
    x_most = max(x for x, _ in points)
    y_most = max(y for _, y in points) * 1.15

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + x / x_most * (WIDTH - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - y / y_most * (HEIGHT - TOP - BOTTOM)
        return across, down

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}">',
        f"<title>{escape(title)}</title>",
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="600">{escape(title)}</text>',
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="{INK}"/>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text x="{LEFT - 8}" y="{TOP - 8}" text-anchor="end">{escape(unit)}</text>',
        f'<text x="{LEFT - 8}" y="{HEIGHT - BOTTOM}" text-anchor="end">0</text>',
    ]
    places = [place(x, y) for x, y in points]
    path_data = " ".join(f"{'M' if index == 0 else 'L'}{x:.1f} {y:.1f}" for index, (x, y) in enumerate(places))
    parts.append(f'<path d="{path_data}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    for (x, y), (across, down) in zip(points, places):
        anchor = "end" if across > WIDTH - 120 else "middle"
        parts.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4" fill="{LINE}"/>')
        parts.append(f'<text x="{across:.1f}" y="{down - 10:.1f}" text-anchor="{anchor}">{y:.3g}</text>')
        parts.append(f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{anchor}">{x:,.0f}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")
