"""The program as a whole: which graph, exit codes, help, speed, interrupts, terminals, documents."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

import graphengine
from graphengine.cli import COMMANDS, main
from graphengine.sample import sample_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli.conftest import Said

PROJECT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "graphengine"]


def environment(**more: str) -> dict[str, str]:
    """The environment for a subprocess: the package of this checkout, nothing else of the developer's."""
    return {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "error", **more}


def run(*arguments: Any, **more: Any) -> subprocess.CompletedProcess[str]:
    """Runs the program in a process of its own."""
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False,
                          env=environment(**more.pop("env", {})), **more)


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Each command by the words that are typed."""
    context = click.Context(main, info_name="graphengine")
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {part}", found) for part, found in command.commands.items())


# Which graph -----------------------------------------------------------------------------------------------------


def test_the_graph_may_be_named_before_or_after_the_command(cli: Callable[..., Said], ranked: Path) -> None:
    """`--graph` counts in both places."""
    before, after = cli("--graph", ranked, "query", "stats"), cli("query", "stats", "--graph", ranked)
    assert 0 == before.code
    assert before == after


def test_the_command_line_wins_over_the_environment(cli: Callable[..., Said], ranked: Path, monkeypatch) -> None:
    """GRAPHENGINE_GRAPH counts where no `--graph` is typed; an empty one does not count."""
    monkeypatch.setenv("GRAPHENGINE_GRAPH", "nowhere.graph")
    assert 1 == cli("query", "stats").code
    assert 0 == cli("query", "stats", "--graph", ranked).code
    monkeypatch.setenv("GRAPHENGINE_GRAPH", "")
    assert "moral.graph" in cli("query", "stats").err


def test_only_an_import_makes_a_graph(cli: Callable[..., Said], votes: Path, folder: Path) -> None:
    """Asking where no graph is says so and makes none; importing makes ./moral.graph."""
    said = cli("wisest", "When lost")
    assert 1 == said.code
    assert "graphengine import" in said.err
    assert [votes] == list(folder.iterdir())
    cli("import", votes)
    assert (folder / "moral.graph").is_dir()


def test_credentials_are_never_shown(cli: Callable[..., Said], monkeypatch) -> None:
    """A server that does not answer is named without the password."""
    monkeypatch.setenv("NEO4J_PASSWORD", "secret-word")
    said = cli("doctor", "--graph", "bolt://127.0.0.1:1")
    assert 4 == said.code
    assert "bolt://127.0.0.1:1" in said.err
    assert "secret-word" not in said.err + said.out


# Exit codes and errors -------------------------------------------------------------------------------------------


def test_python_m_runs_the_same_program() -> None:
    """`python -m graphengine --version` prints name and version."""
    assert f"graphengine {graphengine.__version__}\n" == run("--version").stdout


def test_errors_of_usage_go_to_stderr() -> None:
    """A wrong option: exit code 2, nothing on stdout, the usage on stderr."""
    done = run("wisest", "--nope")
    assert (2, "") == (done.returncode, done.stdout)
    assert "No such option" in done.stderr


@pytest.mark.slow
def test_another_process_that_holds_the_graph_is_named(ranked: Path, tmp_path: Path) -> None:
    """A second process gets exit code 1 and the first one's PID."""
    with graphengine.open(ranked):
        done = run("query", "stats", "--graph", ranked, cwd=tmp_path)
    assert 1 == done.returncode
    assert str(os.getpid()) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_or_missing_right_is_no_traceback(cli: Callable[..., Said], folder: Path) -> None:
    """What the system refuses is an error in the same shape."""
    (folder / "taken").write_text("a file")
    said = cli("template", "taken/study", "--json")
    assert 1 == said.code
    assert "system" == said.json["error"]
    assert "taken" in said.json["message"]


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupted_import_keeps_what_was_committed(tmp_path: Path, as_json: bool) -> None:
    """Ctrl-C during an import: exit code 130, no traceback; the same import again finishes the job."""
    arguments = ["import", str(sample_files()["votes"]), "--batch-size", "5", *(["--json"] if as_json else [])]
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (ignored in the background)
    )
    assert process.stderr is not None
    first = next(line for line in process.stderr if line.startswith("committed"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (130, False) == (process.returncode, "Traceback" in err), err
    said = json.loads(out) if as_json else err
    assert "interrupted" in (said["error"] if as_json else said)
    committed = max(int(line.split()[1]) for line in (first + err).splitlines() if line.startswith("committed"))
    again = json.loads(run("import", sample_files()["votes"], "--json", cwd=tmp_path).stdout)
    assert committed <= again["unchanged"] < 1535
    assert 1535 == again["unchanged"] + again["accepted"]


# Help, documents, speed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, _ in every_command()])
def test_every_command_has_help_with_an_example(cli: Callable[..., Said], name: str) -> None:
    """`--help` of a command says what it does, shows it being typed, and explains every option."""
    command = dict(every_command())[name]
    said = cli(*name.split(), "--help")
    assert 0 == said.code
    assert f"    graphengine {name}" in said.out
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    """The first sentences in `graphengine --help` are those of the commands."""
    firsts = {name: (command.help or "").splitlines()[0] for name, command in every_command() if " " not in name}
    assert {name: sentence for name, (_, sentence) in COMMANDS.items()} == firsts


def test_reading_commands_speak_json() -> None:
    """Every command but the demo takes --json; groups leave it to their commands."""
    without = {
        name for name, command in every_command()
        if not isinstance(command, click.Group) and all(option.name != "as_json" for option in command.params)
    }
    assert {"demo"} == without


@pytest.mark.slow
def test_the_page_of_commands_is_up_to_date() -> None:
    """docs/cli.md is what docs/make_cli_page.py writes."""
    spec = importlib.util.spec_from_file_location("make_cli_page", PROJECT / "docs" / "make_cli_page.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.page() == maker.PAGE.read_text(encoding="utf-8"), "python docs/make_cli_page.py"
    assert all(f"### graphengine {name}\n" in maker.page() for name, _ in every_command())


HEAVY = ("pyarrow", "numpy", "duckdb", "ladybug", "neo4j", "scipy", "rich", "networkx", "torch", "pandas")


def test_help_loads_nothing_heavy() -> None:
    """The help of the program and of every command loads click and the standard library, and no heavy package."""
    typed = [["--help"], *([*name.split(), "--help"] for name, _ in every_command())]
    code = (
        "import sys\nfrom graphengine.cli import main\n"
        f"for line in {typed}: main(line, standalone_mode=False)\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert "[]\n" == done.stderr
    assert "Usage: graphengine wisest" in done.stdout.replace("-c wisest", "graphengine wisest")


# Terminals -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_pipe_gets_plain_text(ranked: Path, tmp_path: Path) -> None:
    """Where stdout is no terminal there is no colour and no box, and no progress on stderr."""
    done = run("ranking", "When grieving", "--graph", ranked, cwd=tmp_path)
    assert "\x1b" not in done.stdout
    assert "" == done.stderr


@pytest.mark.slow
def test_a_terminal_gets_a_table(ranked: Path, tmp_path: Path) -> None:
    """On a terminal the heading is bold, and JSON is indented."""
    assert "\x1b[1m" in _on_a_terminal("ranking", "When grieving", "--graph", str(ranked), cwd=tmp_path)
    assert '{\n  "ok": true' in _on_a_terminal("query", "stats", "--json", "--graph", str(ranked), cwd=tmp_path)


@pytest.mark.slow
def test_people_s_brackets_are_not_markup(tmp_path: Path) -> None:
    """Square brackets in a title come out on a terminal as they are."""
    (tmp_path / "cards.csv").write_text("id,title\na,[bold]loud[/bold] \x1b[31mred\n")
    run("import", "cards.csv", cwd=tmp_path)
    shown = _on_a_terminal("query", "cards", cwd=tmp_path)
    assert "[bold]loud[/bold]" in shown
    assert "\x1b[31m" not in shown


@pytest.mark.slow
def test_texts_do_not_steer_the_terminal(cli: Callable[..., Said], folder: Path) -> None:
    """Escape sequences and direction marks in texts and arguments are blanked; joined emoji and Persian stay whole."""
    (folder / "cards.csv").write_text("id,title\na,می‌خواهم 👩‍🚀 \x1b[2J\u202eevil\nb,B\n", encoding="utf-8")
    (folder / "votes.csv").write_text("participant,context,from_value,to_value,answer\np,C,b,a,wiser\n")
    cli("import", "cards.csv")
    cli("import", "votes.csv", "--rank")
    for said in (cli("wisest", "C"), cli("ranking", "C"), cli("explain", "C", "a"), cli("wisest", "\x1b[2J")):
        assert not {"\x1b", "\u202e"} & {*said.out, *said.err}
    assert "می‌خواهم 👩‍🚀" in cli("wisest", "C").out


@pytest.mark.slow
def test_a_terminal_that_knows_only_latin(ranked: Path, tmp_path: Path) -> None:
    """Where stdout can't take a character, words are escaped, and JSON stays valid."""
    env = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    query = "RETURN '悲伤 – 🙂' AS x"
    assert "\\u60b2" in run("query", query, "--graph", ranked, cwd=tmp_path, env=env).stdout
    done = run("query", query, "--json", "--graph", ranked, cwd=tmp_path, env=env)
    assert "悲伤 – 🙂" == json.loads(done.stdout)["rows"][0]["x"]


@pytest.mark.slow
def test_a_reader_that_stops_early_is_no_error(ranked: Path, tmp_path: Path) -> None:
    """`graphengine … | head -1` ends quietly."""
    command = f"{sys.executable} -m graphengine query cards --graph {ranked} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment(), cwd=tmp_path, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("id ")


def _on_a_terminal(*arguments: str, cwd: Path) -> str:
    master, slave = pty.openpty()
    env = environment(TERM="xterm", COLUMNS="200", NO_COLOR="")
    env.pop("NO_COLOR")
    with subprocess.Popen([*PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=env) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the terminal is closed when the process ends
                break
            if not part:
                break
            shown += part
    os.close(master)
    assert 0 == process.returncode
    return shown.decode().replace("\r\n", "\n")
