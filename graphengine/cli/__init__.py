"""The command line: `graphengine COMMAND`.

The commands only read options and show answers; `graphengine.graph` does the work.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with rejected rows, 4 the store does not answer, 130 interrupted.
"""

from __future__ import annotations

import click

from graphengine import __version__
from graphengine.cli import admin, asking, demo, exporting, importing, ranking
from graphengine.cli.running import DEFAULT_GRAPH, Program

COMMANDS = (
    demo.demo,
    importing.import_, importing.sniff, importing.template, importing.loads, importing.undo,
    ranking.rank,
    asking.wisest, asking.ranking, asking.explain, asking.edges, asking.query,
    exporting.export,
    admin.doctor, admin.migrate, admin.backup, admin.restore, admin.rebuild, admin.erase_user,
)


class _InOrder(Program):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [command.name or "" for command in COMMANDS]


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="graphengine %(version)s")
@click.option(
    "--graph", metavar="URL_OR_FOLDER",
    help=f"The graph: a folder, or neo4j://… [default: GRAPHENGINE_GRAPH, else {DEFAULT_GRAPH}]",
)
def main(graph: str | None) -> None:
    """From votes on values to the wisest value in each context.

    \b
      graphengine demo                          try it on a sample graph
      graphengine import votes.csv --rank       bring your votes in, rank, see who wins
      graphengine wisest "When in distress"     ask

    A graph is a folder, or a database on a Neo4j server (NEO4J_USERNAME, NEO4J_PASSWORD and NEO4J_DATABASE are read
    from the environment).

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with rejected rows, 4 the store does not answer,
    130 interrupted.
    """  # noqa: D301


for _command in COMMANDS:
    main.add_command(_command)
