"""The page: needs nothing else, says what it must, and shows people's words as words."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from graphengine.ranking.validity.finding import Finding
from graphengine.report import covered, file_stem, intervals, page
from graphengine.report.closing import adaptability, clarity, group_sizes, transparency
from graphengine.report.style import DARK, LIGHT, SHAPES_ON, TEXT_ON
from tests.report_worlds import Page, card, source, view

ROWS = [
    ("When lost", "a", "b", 18, 2, 1), ("When lost", "b", "c", 4, 9, 2), ("When lost", "b", "a", 3, 9, 0),
    ("When torn", "x", "y", 6, 0, 0), ("When torn", "y", "z", 6, 0, 0), ("When torn", "z", "x", 6, 0, 0),
]
NASTY = {
    "script": "<script>alert(1)</script>", "quote": "\" onload='x' <b>&amp;", "rtl": "الصبر \u202eevil",
    "zh": "静静地陪伴，不急着说话", "end": "]]></style></title><!--", "control": "a\x00b\x0bc\x1b[31m",
    "long": "x" * 5000, "svg": "</text></svg><img src=x onerror=alert(1)>",
}
REFERENCES = ("src", "srcset", "poster", "data", "action", "formaction", "background", "xlink:href")


def report(world, **options):
    """The page on a source, and what was read of it."""
    found, left_out = covered(world, **options)
    text = page(world, found, left_out)
    return text, Page(text)


@pytest.fixture(scope="module")
def plain():
    """A source of two contexts with votes, one of them a circle, and one without."""
    return source(ROWS, silent=["When nobody came"])


def test_needs_nothing_else(plain):
    """Nothing is loaded from anywhere, no script runs, and every link stays on the page."""
    text, read = report(plain)

    assert [] == [name for name in ("script", "link", "img", "iframe", "object", "embed", "base") if read.all(name)]
    assert [] == [a for _, a, _ in read.tags for name in a if name in REFERENCES or name.startswith("on")]
    assert [] == [a["href"] for a in read.all("a") if not a["href"].startswith("#")]
    assert [] == re.findall(r"@import|url\((?!#)", text)
    spaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}
    assert spaces == set(re.findall(r"https?://[^\"'\s]+", text))


def test_links_lead_to_ids_that_are_there_once(plain):
    """Every id is there once, and every link and label leads to one."""
    _, read = report(plain)
    ids = [a["id"] for _, a, _ in read.tags if "id" in a]
    wanted = [a["href"][1:] for a in read.all("a")]
    wanted += [name for _, a, _ in read.tags for name in (a.get("aria-labelledby") or "").split()]

    assert len(ids) == len(set(ids))
    assert wanted
    assert set() == set(wanted) - set(ids)


def test_is_html_and_xml(plain):
    """A strict reader takes it; it has a language, a title, one first heading, and no level is skipped."""
    text, read = report(plain)
    levels = [int(tag[1]) for tag, _, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]

    assert "{http://www.w3.org/1999/xhtml}html" == ET.fromstring(text.encode()).tag
    assert "en" == read.all("html")[0]["lang"]
    assert "What people found wise" in read.words("head")
    assert 1 == levels.count(1)
    assert [] == [pair for pair in itertools.pairwise(levels) if pair[1] > pair[0] + 1]


def test_pictures_have_titles_and_tables(plain):
    """Each picture has the role of one, a title, a description, and is followed by a table before the next picture."""
    _, read = report(plain)
    order = [tag for tag, _, _ in read.tags if tag in ("svg", "table")]
    pictures = [a for a in read.all("svg") if a["role"] == "img" and a["aria-labelledby"]]
    after = order[order.index("svg"):]

    assert 4 == len(pictures) == order.count("svg")
    assert 4 == len([a for tag, a, where in read.tags if tag == "desc" and where[-1] == "svg"])
    assert [] == [at for at, tag in enumerate(after) if tag == "svg" and after[at + 1 : at + 2] != ["table"]]


def test_tables_have_captions_and_headings(plain):
    """Each table has a caption, and each of its cells a heading for its row or column."""
    _, read = report(plain)

    assert len(read.all("table")) == len(read.all("caption")) > 6
    assert {"row", "col"} == {a["scope"] for a in read.all("th")}


def test_says_what_it_is_made_from(plain):
    """Votes, people, method, parameters, calibration, data hash, date and version are there."""
    words = report(plain)[1].words("header")

    for fact in ("66 votes", "People 50", "Contexts 3", "bradley-terry", "not_wiser", "against", "yes-bias", "abc",
                 "1970-01-01 by graphengine 0"):
        assert fact in words


def test_says_who_wins_and_why_not(plain):
    """Each context is there with its verdict in words; one without votes says so."""
    words = report(plain)[1].words("main")

    assert "nobody has answered anything in this context yet" in words
    assert "No single value can be named." in words
    assert re.search(r"P\(top\) of the leading card is 0\.\d+, below 0\.80", words)


def test_circle_is_said_in_words(plain):
    """Where answers run in a circle, the page says among which cards."""
    words = report(plain)[1].words("main")

    assert "The answers run in a circle among 3 of the cards ( x , y , z ): no order of these is supported." in (
        words.replace("  ", " "))


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
def test_words_stay_words(nasty):
    """No title or context of a person becomes a tag, and its words are on the page as they were written."""
    world = source([(nasty.replace("\x00", ""), "a", "b", 9, 1, 0), ("When lost", "a", "c", 5, 1, 0)],
                   titles=dict.fromkeys("abc", nasty))
    harmless = source([("When bored", "a", "b", 9, 1, 0), ("When lost", "a", "c", 5, 1, 0)])
    text, read = report(world)

    def kinds(of):
        return {tag for tag, _, _ in of.tags}

    assert kinds(report(harmless)[1]) == kinds(read)
    assert [] == [a for _, a, _ in read.tags for name in a if name.startswith("on")]
    assert ET.fromstring(text.encode()).tag.endswith("html")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", text)
    shown = " ".join(re.sub("[\x00-\x1f\u202e]", " ", nasty).split())
    assert (shown if len(shown) < 300 else "x" * 119 + "…") in " ".join(text for _, text in read.texts)


def test_words_of_people_keep_their_direction_to_themselves():
    """People's words stand in elements of their own direction and of unknown language."""
    _, read = report(source([("عندما أضيع", "a", "b", 9, 1, 0)]))

    assert {""} == {a["lang"] for a in read.all("bdi")}
    assert ("bdi",) == {where[-1:] for where, text in read.texts if text == "عندما أضيع" and "svg" not in where}.pop()


def test_covers_the_most_voted_and_the_most_contested():
    """Of too many contexts, half are those with most votes and half the most contested, and the page says so."""
    rows = [(f"c{n:02d}", "a", "b", 40 - n, 0, 0) for n in range(20)] + [("contested", "a", "b", 2, 1, 0)]
    rows += [("contested", "b", "a", 2, 1, 0)]
    found, left_out = covered(source(rows), most=6)

    assert (6, 15) == (len(found), left_out)
    assert ["c00", "c01", "c02"] == [each.id for each in found][:3]
    assert "contested" in {each.id for each in found}
    assert "15 are left out" in page(source(rows), found, left_out)


def test_only_the_contexts_that_are_asked_for(plain):
    """Named contexts are covered and no other."""
    found, left_out = covered(plain, ["When torn"])

    assert (["When torn"], 0) == ([each.id for each in found], left_out)


@pytest.mark.slow
def test_size_is_bounded():
    """With 40 contexts of 79 cards with long titles, 30 covered, a context takes less than 100 kB."""
    rows = [(f"context {n}", f"v{a}", f"v{a + 1}", 5, n % 7, 1) for n in range(40) for a in range(78)]
    world = source(rows, titles={f"v{n}": "long " * 200 for n in range(80)})
    found, left_out = covered(world, most=30)
    text = page(world, found, left_out)

    assert 30 == text.count('<details class="context"')
    assert "49 cards left out" in text
    assert len(text.encode()) < 30 * 100_000


def test_findings_are_shown_whatever_they_are(plain):
    """Any list of findings is shown: words first, then figures and rows; ids become titles."""
    found = [Finding("Yes-bias", "People say yes <often>.", "warning", {"beta": 1.4, "beta_sd": None},
                     {"context_id": "context", "share": "share"}, [{"context_id": "When torn", "share": 0.25}] * 60),
             Finding("Growth", "Nothing to say.", "unknown")]
    _, read = report(source(ROWS, validity=found, overall=["Read with care."]))
    words = read.words("main")

    assert "Yes-bias: Warning People say yes <often>." in words
    assert "Read with care." in words
    assert "Growth: Not known Nothing to say." in words
    assert "the first 40 of 60" in words
    assert "graphengine validate" in report(plain)[1].words("main")


def test_method_without_uncertainty():
    """Without P(top) and intervals there are scores only, and no NaN or None anywhere."""
    flat = view([card("a", 1, 0.6, lower=None, upper=None, p_top=None, rank_lower=None, rank_upper=None),
                 card("b", 2, 0.4, lower=None, upper=None, p_top=None, rank_lower=None, rank_upper=None)],
                reason="highest PageRank", single=True)
    text = page(source(ROWS), [flat])

    assert "90% interval" not in intervals(flat)
    assert [] == re.findall(r"\bnan\b|\bNone\b", text)


def test_stale_context_is_said():
    """A context whose votes changed since the ranking says so."""
    assert "Votes came in after this ranking was made" in report(source(ROWS, stale=frozenset({"When torn"})))[0]


def test_small_groups_are_masked():
    """No number below five is there, and none from which one follows by subtraction."""
    people = [("old", 3), ("middle", 20), ("young", 30)]
    members = [{"user_id": f"{value}{n}", "group_id": f"age={value}", "variable": "age", "value": value}
               for value, size in people for n in range(size)]

    assert [("young", "30"), ("middle", "masked"), ("old", "fewer than 5")] == group_sizes(members)["age"]
    assert "young 30, middle masked, old fewer than 5" in adaptability(source(ROWS, members=members))
    assert [("a", "5")] == group_sizes([{**m, "value": "a"} for m in members[:3] + members[4:6]])["age"]


def test_clarity_counts_what_is_unclear():
    """Cards with the same words, with nothing but a title, or known by id only are counted."""
    world = source(ROWS, titles={"a": "Same title", "b": "same  TITLE!", "c": None, "x": "X"})

    assert "1 group of cards with the same words" in clarity(world)
    assert "1 card known by the id only" in clarity(world)
    assert "every card with a title says more than its title" in clarity(world)


def test_transparency_tells_votes_from_tallies():
    """Wiser edges on pairs without single votes count as resting on tallies only."""
    world = source(ROWS)
    partly = source(ROWS, counts=world.counts.slice(0, 2))

    assert "5 of 5 wiser edges (100%)" in transparency(world)
    assert "2 of 5 wiser edges (40%)" in transparency(partly)
    assert "3 on published tallies only" in transparency(partly)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(colours):
    """Text has a contrast of at least 4.5 on what it stands on, lines and bars at least 3 (WCAG AA)."""
    def light(colour):
        parts = [int(colours[colour][at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a, b):
        dark, bright = sorted((light(a), light(b)))
        return (bright + 0.05) / (dark + 0.05)

    assert [] == [(a, b, round(contrast(a, b), 2)) for a, b in TEXT_ON if contrast(a, b) < 4.5]
    assert [] == [(a, b, round(contrast(a, b), 2)) for a, b in SHAPES_ON if contrast(a, b) < 3]


@pytest.mark.parametrize("text", [*NASTY.values(), "../../etc/passwd", "", "con", "a/b\\c:d*e?f"])
def test_file_names_are_safe(text):
    """A file name has letters, digits, - and _ only, is short, and differs from text to text."""
    stem = file_stem(text)

    assert re.fullmatch(r"[\w-]+", stem)
    assert len(f"{stem}-intervals.svg".encode()) < 200
    assert file_stem(text + " ") != stem


def test_interval_plot_keeps_its_numbers_in_the_picture():
    """Every dot, interval and bar lies inside the picture, and the leading card's mark differs."""
    svg = intervals(view([card("a", 1, 40.0), card("b", 2, 0.0), card("c", 3, -3.5, p_top=1.0)]))
    root = ET.fromstring(svg)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    xs = [float(e.attrib[k]) for e in root.iter() for k in ("x", "x1", "x2", "cx") if k in e.attrib]
    ys = [float(e.attrib[k]) for e in root.iter() for k in ("y", "y1", "y2", "cy") if k in e.attrib]

    assert 0 <= min(xs) <= max(xs) <= width
    assert 0 <= min(ys) <= max(ys) <= height
    assert 1 == svg.count('class="dot top"')
    assert "90% interval" in svg
