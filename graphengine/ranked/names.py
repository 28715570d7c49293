"""What a ranking is called: rankings of several methods and rules live side by side."""

from __future__ import annotations

import re

_ID = re.compile(r"(?P<method>\S+)(?: (?P<rule>[a-z0-9-]+))?(?: not-wiser=(?P<not_wiser>\S+))?")


def ranking_id(method: str, edge_rule: str = "mai-2023", not_wiser: str = "against") -> str:
    """What a ranking is called: rankings of several methods and rules live side by side.

    Example:
        >>> ranking_id("bradley-terry"), ranking_id("pagerank"), ranking_id("bradley-terry", not_wiser="tie")
        ('bradley-terry', 'pagerank mai-2023', 'bradley-terry not-wiser=tie')
    """
    if method == "pagerank":
        return f"pagerank {edge_rule}"
    return method if not_wiser == "against" else f"{method} not-wiser={not_wiser}"


def options(name: str) -> str:
    """The options of `graphengine rank` that make a ranking.

    Example:
        >>> options("pagerank mai-2023")
        ' --method pagerank --edge-rule mai-2023'
    """
    match = _ID.fullmatch(name)
    if match is None or name == "bradley-terry":
        return ""
    text = f" --method {match['method']}" if match["method"] != "bradley-terry" else ""
    text += f" --edge-rule {match['rule']}" if match["rule"] else ""
    return text + (f" --not-wiser {match['not_wiser']}" if match["not_wiser"] else "")
