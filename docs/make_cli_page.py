"""Write docs/cli.md from the commands themselves: `python docs/make_cli_page.py`. A test holds the page up to date."""

from __future__ import annotations

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "cli.md"

HEAD = """\
# The command line

This page is written by `python docs/make_cli_page.py` from the commands themselves. More on what goes
[in](importing.md), how it is [ranked](ranking.md), [asked](cypher.md), [exported](datasets.md) and
[trained on](training.md).

`--graph URL_OR_FOLDER` picks the graph: a folder (embedded engine) or a Neo4j server (`neo4j://…`, `bolt://…`). It may
stand before or after the command; without it `GRAPHENGINE_GRAPH` counts, else `./moral.graph`. A server's credentials
come from `NEO4J_USERNAME` (default `neo4j`), `NEO4J_PASSWORD` and `NEO4J_DATABASE`. Contexts are named by id or text,
cards by id or title.

With `--json` a command prints one JSON object on stdout, errors included. Tables are drawn on a terminal only;
elsewhere columns are aligned plain text. Progress goes to stderr, and only to a terminal; the line `committed N` of an
import always goes there.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage |
| 3 | done, with rejected rows |
| 4 | the server does not answer, or refuses the credentials |
| 130 | interrupted; what was committed is kept |

## JSON shapes

Keys may be added, never renamed.

| command | object |
|---|---|
| `wisest C` | `{"ok", "context": {"id", "text"}, "method", "single_winner", "reason", "stale", "wisest": [{"rank", \
"id", "title", "description", "policies", "score", "lower", "upper", "p_top"}]}` |
| `ranking C` | `{"ok", "context", "method", "stale", "single_winner", "reason", "cards": [{"rank", "id", "title", \
"score", "sd", "lower", "upper", "p_top", "tied_top"}], "never_asked": [{"id", "title"}]}` |
| `explain C CARD` | `{"ok", "context", "card", "place", "edges", "upgrades", "reason", "stale"}` |
| `explain PAIR_ID` | `{"ok", "pair_id", "context", "scenario", "wiser", "less_wise", "edge", "upgrades", \
"votes": [{"upgrade_id", "user_id", "from_id", "to_id", "answer", "at"}], "stale", "values": [{…}]}` |
| `edges` | `{"ok", "rule", "edges": [{"from_id", "to_id", "contexts", "wiser", "not_wiser", "unsure", "less_wise", \
"likelihood"}]}`; without `--edge-rule` the rule is `model`, and the columns are those of the `WISER` edges |
| `query Q` | `{"ok", "columns": […], "rows": [{…}]}` |
| `import F` | `{"ok", "load_id", "format", "kind", "read", "accepted", "changed", "unchanged", "rejected", \
"new_cards", "new_contexts", "new_users", …}`; `accepted` counts new votes; with `--rank` also `ranking` and `winners` |
| `rank` | `{"ok", "ranking_id", "method", "edge_rule", "contexts", "cards", "single_winners", "edges", "calibration", \
"notes"}` |
| `rank-votes F… --out O` | `{"ok", "out", "method", "parameters", "engine", "files", "votes", "repeated", \
"rejected": {…}, "words": {…}, "pairs", "contexts", "cards", "distinct", "p_top", "calibration", \
"calibrated_on", "seconds": {…}}` |
| `export preferences O` | `{"ok", "path", "pairs", "splits": {…}, "sha256", "left_out", "notes", \
"kinds": {KIND: {"rows", "splits", "left_out"}}}`; the others are those of the first kind |
| `train STAGE` | `{"ok", "stage", "out", "model", "report": {"stage", "steps", "rows": {SPLIT: N}, "left_out": \
{REASON: {SPLIT: N}}, "curve": {NAME: {"first", "last"}}, "held_out"?, "cost", "run", …}}`; \
the report is that of `report.json` |
| `export graphml O` | `{"ok", "path", "edges"}` |
| `dataset audit F` | `{"ok", "folder", "kind", "splits": {…}, "baselines": {SPLIT: [{"name", "rule", "accuracy", \
"lower", "upper", "pairs", "ties", "contexts"}]}, "shows_titles", "certainty", "lengths", "balance", "duplicates", \
"overlap", "changed", "problems"}`; `ok` is false and the exit code 1 where there is a problem |
| `sniff F` | `{"ok", "file", "format", "kind", "delimiter", "encoding", "layout", "columns", "questions", "words", \
"map"}` |
| `template` | `{"ok", "folder", "files"}` |
| `loads` | `{"ok", "loads": [{"id", "at", "file", "format", "read", "accepted", "changed", "unchanged", "rejected", \
"status"}]}` |
| `undo L` | `{"ok", "load_id", "removed", "restored"}` |
| `doctor` | `{"ok", "address", "version", "facts", "holds", "problems", "next"}` |
| `migrate` | `{"ok", "applied", "migrations": [{"id", "name", "checksum", "applied_at"}]}` |
| `backup O` | `{"ok", "path", "rows", "content_hash", "with_key"}` |
| `restore S` | `{"ok", "source", "key", "holds"}` |
| `rebuild` | `{"ok", "holds"}` |
| `erase-user ID` | `{"ok", "user_id", "removed", "exports"}` |
| `schwartz systems [S]` | `{"ok", "systems": [{"name", "values", "title"}]}`; of one: `{"ok", "name", "title", \
"source", "about", "values": [{"id", "short", "name", "definition", "angle", "opposites", "into"}]}` |
| `schwartz lint R` | `{"ok", "file", "policy", "rows", "labels", "signs", "rows_with_bare_1", "counts", \
"findings": [{"kind", "row", "label", "told"}]}` |
| `schwartz remap R O` | `{"ok", "out", "policy", "rows", "changed"}` |
| `schwartz stats R` | `{"ok", "file", "picture", "policy", "rows", "parts": [{"by", "name", "rows", "values"}], \
"types_per_row", "cells", "base_rates"}` |
| `schwartz annotate P O` | `{"ok", "out", "prompts", "responders", "labeller", "rows", "unlabelled"}` |
| `schwartz review O` | `{"ok", "out", "rows", "looked_at", "changed", "undecided", "with_model", "between"}` |
| `schwartz distance S` | `{"ok", "file", "rows", "system", "profile", "coverage", "saturated_share", "neutral_rows", \
"base_rates_of", "targets": [{"target", "warning", "per_response", "profile", "null", "floor", \
"masked_share", "neutral_rows"}]}` |
| `schwartz space R` | `{"ok", "file", "label", "picture", "rows", "unsafe", "units", "folds", \
"axes": [{"share", "loadings"}], "auc": {NAME: {"value", "interval"}}, \
"correlation": {VALUE: {"value", "interval", "nonzero"}}}` |
| `schwartz probe F` | `{"ok", "folder", "kind", "train", "held_out", "rows": [{"name", "numbers", "accuracy", \
"lower", "upper", "pairs", "ties", "contexts", "over_words": {"value", "interval"}}]}` |
| `misalignment H M` | `{"ok", "of", "n", "units", "loss_1", "loss_1_with_self", "loss_2", "loss_1_affine", \
"loss_1_with_self_affine", "loss_2_affine", "agreement", "kendall_tau_b", "spearman", \
"interval": {FIGURE: [lower, upper]}, "constant", "pairs", "affine", "largest_difference", "aligned_order", \
"aligned_equal", "worst_pairs": [{"ids", "human", "model", "gap", "turned"}], "worst_pairs_affine", \
"groups": [{"group", …}], "worst_group", "left_out", "settings", "notes"}` |
| an error | `{"ok": false, "error": CODE, "message", "hint", "where"?: {…}}` |
"""


def page() -> str:
    """The page, as the commands are now."""
    import click

    from graphengine.cli import main

    parts = [HEAD, "## Commands\n"]

    def walk(command: click.Command, path: list[str], parent: click.Context | None) -> None:
        settings = {**command.context_settings, "max_content_width": 100, "terminal_width": 100}
        context = click.Context(command, info_name=path[-1], parent=parent, **settings)
        if parent is not None:
            parts.append(f"### {' '.join(path)}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                if found is not None:
                    walk(found, [*path, name], context)

    walk(main, ["graphengine"], None)
    return "\n".join(parts)


if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT))
    PAGE.write_text(page(), encoding="utf-8")
