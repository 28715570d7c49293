"""The command line: `graphengine COMMAND`.

The commands only read options and show answers; `graphengine.graph` does the work.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with rejected rows, 4 the store does not answer, 130 interrupted.
"""

from __future__ import annotations

from importlib import import_module

import click

from graphengine import __version__
from graphengine.cli.running import DEFAULT_GRAPH, Program

# Name, module and first sentence of each command: `graphengine --help` answers without loading them. A test holds the
# sentences against the commands.
COMMANDS = {
    "demo": ("demo", "Run the main job on a made-up sample."),
    "import": ("importing", "Bring a FILE into the graph."),
    "sniff": ("importing", "Guess what a FILE holds, and start a map.toml."),
    "template": ("importing", "Write example files into FOLDER (default: here)."),
    "loads": ("importing", "List the imports, oldest first."),
    "undo": ("importing", "Take an import back."),
    "rank": ("ranking", "Rank the cards of every context."),
    "rank-votes": ("scaling", "Rank FILES of votes without a graph, however many."),
    "wisest": ("asking", "The wisest value in a CONTEXT."),
    "ranking": ("asking", "All ranked values of a CONTEXT."),
    "explain": ("asking", "Why a CARD stands where it does in a CONTEXT."),
    "edges": ("asking", "The wiser edges, of one CONTEXT or of all."),
    "ask-next": ("asking_next", "The questions whose answers would say most about the winners."),
    "validate": ("validating", "How far rankings can be trusted."),
    "structure": ("structuring", "Where the answers support an order of values, and where not."),
    "path": ("structuring", "The strongest chain of wiser edges from one value to another."),
    "drift": ("moving", "What moved between two dates, A and B."),
    "groups": ("moving", "Rankings per group of a VARIABLE, and the pairs that flip."),
    "report": ("reporting", "Write a report that a person looks at."),
    "query": ("asking", "Run a query file, or read-only Cypher."),
    "export": ("exporting", "Write preference datasets and graph files."),
    "train": ("training", "Train a model on a dataset folder, one stage at a time."),
    "dataset": ("auditing", "Look at a dataset folder before training on it."),
    "evaluate": ("evaluating", "Measure reward models and policies on what training did not see."),
    "schwartz": ("schwartz", "Say what a model should value, as a vector, and measure answers against it."),
    "misalignment": ("misaligned", "How far a model's utilities are from people's."),
    "doctor": ("admin", "Check the graph, and say what to do next."),
    "migrate": ("admin", "Bring the graph's schema up to this version."),
    "backup": ("admin", "Write all that people said into a new folder."),
    "restore": ("admin", "Fill an empty graph from a backup."),
    "rebuild": ("admin", "Make everything derived anew."),
    "erase-user": ("admin", "Erase a person, for good."),
}


class _Commands(Program):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"graphengine.cli.{COMMANDS[cmd_name][0]}")
        return getattr(module, "import_" if cmd_name == "import" else cmd_name.replace("-", "_"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
