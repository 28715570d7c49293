"""Colours and style sheets: of the page, and of the pictures, which also stand alone."""

from __future__ import annotations

from importlib import resources

LIGHT = {
    "page": "#ffffff", "ink": "#1c2128", "soft": "#59636e", "line": "#d1d9e0", "tint": "#f3f5f8", "top": "#ddf3e4",
    "edge": "#33506b", "faint": "#848d97", "circle": "#b3261e", "mark": "#1a7f4b", "rival": "#b7791f",
    "link": "#0b5cad",
}
DARK = {
    "page": "#0f141a", "ink": "#e8edf2", "soft": "#a3b0bd", "line": "#39424d", "tint": "#1b222b", "top": "#173a29",
    "edge": "#a9c7e4", "faint": "#7d8894", "circle": "#ff8a80", "mark": "#4cc38a", "rival": "#d9a441",
    "link": "#7cc0ff",
}
TEXT_ON = [
    ("ink", "page"), ("ink", "tint"), ("ink", "top"), ("soft", "page"), ("soft", "tint"), ("soft", "top"),
    ("link", "page"), ("link", "tint"), ("circle", "page"), ("circle", "tint"), ("mark", "page"),
]
"""Text colours and what they stand on: a contrast of at least 4.5 (WCAG AA)."""
SHAPES_ON = [(shape, "page") for shape in ("edge", "faint", "circle", "mark", "rival")]
"""Colours of lines and bars that carry meaning: at least 3."""

_FACE = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","DejaVu Sans",sans-serif'


def _colours(colours: dict[str, str]) -> str:
    return ":root { " + "; ".join(f"--{name}: {colour}" for name, colour in colours.items()) + " }"


def picture_style() -> str:
    """The style sheet of a picture that stands alone: light and dark screens; print is light."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{ {_colours(DARK)} }}"
    return f"{_colours({**LIGHT, 'face': _FACE})}\n{dark}\n{_file('picture.css')}"


def page_style() -> str:
    """The style sheet of the page, pictures included."""
    return picture_style() + _file("page.css")


def _file(name: str) -> str:
    return resources.files("graphengine.report").joinpath(name).read_text(encoding="utf-8")
