"""The table as a picture: one line for each operation, and what it costs on a scale of powers
of ten. Grey dots are Linux, green ones Kilburn; the line between lean Linux and Kilburn is what
was gained; a bar stands at the limit and a small triangle at the target. The split kernel is an
open ring, mostly hidden by the shared one.
"""
import html
import math

LEFT, RIGHT, TOP, BOTTOM = 190, 45, 64, 30
LINE, PER_DECADE = 19, 120
COLOURS = {"linux": "#b9b9b9", "lean": "#5f6b7a", "shared": "#0a8f5b", "split": "#0a8f5b"}
LABELS = (("linux", "Linux"), ("lean", "Linux, lean"), ("shared", "Kilburn, shared"), ("split", "Kilburn, split"))


def text(x, y, said, anchor="start", size=12, colour="#222"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{html.escape(said)}</text>'


def line(x1, y1, x2, y2, colour, width):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def dot(x, y, machine):
    colour = COLOURS[machine]
    fill = "none" if machine == "split" else colour
    radius = 6 if machine == "split" else 4
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{colour}"/>'


def triangle(x, y):
    return f'<path d="M{x:.1f} {y - 3:.1f}l-4 -6h8z" fill="#c2410c"/>'


def limit_bar(x, y):
    return line(x, y - 6, x, y + 6, "#111", 2)


def legend(y):
    x = LEFT
    for machine, label in LABELS:
        yield dot(x, y, machine)
        yield text(x + 10, y + 4, label)
        x += 30 + 7 * len(label)
    yield limit_bar(x, y)
    yield text(x + 8, y + 4, "limit")
    yield triangle(x + 60, y + 6)
    yield text(x + 70, y + 4, "target")


def svg(rows, figures):
    """The whole file, as a string."""
    values = [figures[machine][row.name] for row in rows for machine in figures]
    values += [row.limit for row in rows]
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def place(value):
        return LEFT + (math.log10(value) - first) * PER_DECADE

    width, bottom = place(10 ** last) + RIGHT, TOP + LINE * len(rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {bottom + BOTTOM}" '
             'font-family="system-ui, sans-serif">', '<rect width="100%" height="100%" fill="#fff"/>',
             text(LEFT, 20, "Instructions per operation (less is better)", size=15), *legend(40)]
    for decade in range(first, last + 1):
        x = place(10 ** decade)
        parts += [line(x, TOP - 6, x, bottom, "#e4e4e4", 1),
                  text(x, bottom + 16, f"{10 ** decade:,}" if decade >= 0 else f"{10 ** decade}", "middle", 11)]
    for at, row in enumerate(rows):
        y = TOP + LINE * at + LINE / 2
        at_of = {machine: place(figures[machine][row.name]) for machine in figures}
        parts += [text(LEFT - 12, y + 4, row.name, "end"),
                  line(at_of["lean"], y, at_of["shared"], y, "#bfe3d3", 3), limit_bar(place(row.limit), y)]
        if not row.control:
            parts.append(triangle(place(row.target), y))
        parts += [dot(at_of[machine], y, machine) for machine, _ in LABELS]
    return "\n".join((*parts, "</svg>\n"))
