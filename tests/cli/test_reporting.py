"""`report`: one page and its pictures, as a person gets them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from html import unescape
from typing import TYPE_CHECKING

import pytest

import graphengine
from graphengine.report import layered
from tests.conftest import missing
from tests.report_worlds import Page, acyclic, card, view

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

pytestmark = pytest.mark.slow

ALL = 11
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
           "--disable-background-networking", "--disable-component-update", "--hide-scrollbars")


@pytest.fixture
def browser(tmp_path: Path) -> Callable[[Path], str]:
    """Opens a file in a real browser and gives back its document as the browser has it."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        missing("browser", "there is no Chromium")

    def opened(file: Path) -> str:
        done = subprocess.run([found, *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()],
                              capture_output=True, text=True, timeout=120, check=True)
        return done.stdout

    return opened


def test_report_is_written(cli: Callable[..., Said], own: Path) -> None:
    """`report` writes a page with every context, says so, and leaves nothing else behind."""
    said = cli("report", "out.html", "--no-validity")
    text = (own.parent / "out.html").read_text(encoding="utf-8")

    assert 0 == said.code
    assert re.fullmatch(r"wrote out\.html: 11 contexts, 5 single winners, \d+ kB\n", said.out)
    assert ALL == text.count('<details class="context"')
    assert {"moral.graph", "out.html"} == {path.name for path in own.parent.iterdir()}


def test_report_holds_the_validity_check(cli: Callable[..., Said], own: Path) -> None:
    """The page has a section for each part of the validity check, with its verdict in words."""
    cli("report", "out.html")
    words = Page((own.parent / "out.html").read_text(encoding="utf-8")).words("main")
    checked = cli("validate", "--json").json

    assert [] == [part["title"] for part in checked["parts"].values() if f"{part['title']}: " not in words]
    assert [] == [sentence for sentence in checked["overall"] if sentence not in words]


def test_json_says_what_was_written(cli: Callable[..., Said], own: Path) -> None:
    """`--json` gives path, ranking, numbers and pictures; the size is that of the file."""
    answer = cli("report", "out.html", "--svg", "pictures", "--no-validity", "--json").json
    files = sorted((own.parent / "pictures").iterdir())

    assert ["ok", "path", "ranking_id", "contexts", "left_out", "single_winners", "bytes", "pictures"] == list(answer)
    assert ("bradley-terry", ALL, 0, 5) == (answer["ranking_id"], answer["contexts"], answer["left_out"],
                                           answer["single_winners"])
    assert (own.parent / "out.html").stat().st_size == answer["bytes"]
    assert [f"pictures/{file.name}" for file in files] == sorted(answer["pictures"])
    assert 2 * ALL == len(files)
    assert all(file.read_text(encoding="utf-8").startswith("<svg xmlns=") for file in files)


def test_only_some_contexts(cli: Callable[..., Said], own: Path) -> None:
    """`--context` covers the contexts that it names, `--most` as many as it says and tells what is left out."""
    named = cli("report", "a.html", "--context", "When grieving", "--no-validity", "--json").json
    few = cli("report", "b.html", "--most", 3, "--no-validity")

    assert (1, 0) == (named["contexts"], named["left_out"])
    assert 3 == (own.parent / "b.html").read_text(encoding="utf-8").count('<details class="context"')
    assert "8 contexts left out" in few.err


def test_another_method(cli: Callable[..., Said], own: Path) -> None:
    """`--method pagerank` shows that ranking, which has no P(top), and no number that is none."""
    answer = cli("report", "out.html", "--method", "pagerank", "--no-validity", "--json").json
    text = (own.parent / "out.html").read_text(encoding="utf-8")

    assert "pagerank mai-2023" == answer["ranking_id"]
    assert "PageRank has no uncertainty" in text
    assert [] == re.findall(r">[^<]*\b(?:nan|None)\b[^<]*<", text)


@pytest.mark.parametrize(("arguments", "words"), [
    (["out.html", "--context", "When grievin"], "did you mean 'When grieving'"),
    (["nowhere/out.html"], "there is no folder nowhere"),
    (["folder"], "is a folder"),
    (["notes.html"], "graphengine did not write it"),
    (["out.html", "--svg", "notes.html"], "can't be a folder"),
    (["out.html", "--not-wiser", "tie"], "graphengine rank --not-wiser tie"),
])
def test_bad_input_says_what_to_do(cli: Callable[..., Said], own: Path, arguments: list[str], words: str) -> None:
    """What can't be done ends in words and code 1, and nothing that was there is touched."""
    (own.parent / "folder").mkdir()
    (own.parent / "notes.html").write_text("mine")
    said = cli("report", *arguments, "--no-validity")

    assert 1 == said.code
    assert words in said.err
    assert "mine" == (own.parent / "notes.html").read_text()
    assert not (own.parent / "out.html").exists()


def test_an_older_report_is_replaced(cli: Callable[..., Said], own: Path) -> None:
    """A report may be written over an older one."""
    codes = [cli("report", "out.html", "--no-validity", "--svg", "pictures").code for _ in range(2)]

    assert [0, 0] == codes


def test_export_is_remembered(cli: Callable[..., Said], own: Path) -> None:
    """The graph remembers which report holds which contexts, so that an erasure can name it."""
    cli("report", "out.html", "--context", "When grieving", "--no-validity")
    with graphengine.open(own) as graph:
        kept = [row for row in graph.query("exports").to_pylist() if row["kind"] == "report"]

    assert [["When grieving"]] == [row["contexts"] for row in kept]
    assert str(own.parent / "out.html") == kept[0]["path"]


def test_graph_without_votes(cli: Callable[..., Said], folder: Path) -> None:
    """Without a ranking, `report` says which command makes it."""
    (folder / "contexts.csv").write_text("id,text\nc1,When lost\n")
    cli("import", "contexts.csv")
    said = cli("report", "out.html")

    assert 1 == said.code
    assert "graphengine rank" in said.err


def test_browser_shows_it(cli: Callable[..., Said], own: Path, browser: Callable[[Path], str]) -> None:
    """A real browser has the page as it was written: no tag of it is moved, lost or added."""
    cli("report", "out.html", "--no-validity")
    file = own.parent / "out.html"
    written, seen = Page(file.read_text(encoding="utf-8")), Page(browser(file))

    assert [tag for tag, *_ in written.tags] == [tag for tag, *_ in seen.tags]
    assert hashlib.sha256(written.words().encode()).hexdigest() == hashlib.sha256(seen.words().encode()).hexdigest()


MEASURE = """<!DOCTYPE html><meta charset="utf-8"><style>svg { width: 960px }</style>%s<pre></pre><script>
const boxes = [...document.querySelectorAll("rect.box")].map(box => {
  const all = [...box.parentNode.querySelectorAll("text")].map(text => text.getBBox()), b = box.getBBox()
  return all.map(t => Math.max(b.x - t.x, t.x + t.width - b.x - b.width, b.y - t.y, t.y + t.height - b.y - b.height))
})
document.querySelector("pre").textContent = JSON.stringify(boxes.flat())
</script>"""


def test_browser_keeps_words_in_their_boxes(tmp_path: Path, browser: Callable[[Path], str]) -> None:
    """As a real browser sets it, no line of a card's words stands out of its box, whatever the writing."""
    titles = ["静静地陪伴，不急着说话也不急着走开", "الصبر على الألم والإنصات بهدوء", "WWWWWWW MMMMMMMM @@@@@@ WWWWW",
              "Donaudampfschifffahrtsgesellschaftskapitänswitwe", "терпеливое внимание к чужой боли", "A",
              "💛💛💛💛 hearts"]
    world = view([card(f"v{at}", at + 1, -20.55 * at, title=title, p_top=0.001) for at, title in enumerate(titles)])
    svg = layered(world, alone=True).svg + layered(acyclic(2, 9, 9), "q").svg
    (tmp_path / "measured.html").write_text(MEASURE % svg, encoding="utf-8")
    found = re.search(r"<pre>(\[.+?\])</pre>", unescape(browser(tmp_path / "measured.html")))

    assert found is not None
    assert len(json.loads(found[1])) > 30
    assert max(json.loads(found[1])) <= 1
