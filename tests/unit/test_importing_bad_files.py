"""Bad input: every broken file ends in rejected rows or in an error that says what to do, never a traceback."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from graphengine.errors import InputError
from graphengine.importing import Known, prepare, sniff
from tests.importing_kit import HEADER, answers, pseudonym, reasons, take, votes

GOOD = "p1,When lost,a,b,wiser"


def refused(path: Path, **options: object) -> InputError:
    """The error that importing a file ends in."""
    with pytest.raises(InputError) as caught:
        prepare(path, known=Known(), pseudonym=pseudonym, **options)  # pyright: ignore[reportArgumentType]
    assert caught.value.hint
    return caught.value


def test_a_missing_file(tmp_path: Path) -> None:
    """The error names the file."""
    assert f"there is no file {tmp_path / 'votes.csv'}" == refused(tmp_path / "votes.csv").message


def test_a_folder(tmp_path: Path) -> None:
    """A folder is called a folder."""
    assert f"{tmp_path} is a folder" == refused(tmp_path).message


@pytest.mark.parametrize("name", ["votes.csv", "votes.tsv", "votes.jsonl", "votes.json", "votes.parquet"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    """An empty file of any format is called empty, and the hint leads to the examples."""
    (tmp_path / name).write_bytes(b"")

    error = refused(tmp_path / name)
    assert f"{tmp_path / name} is empty" == error.message
    assert "graphengine template" in error.hint


@pytest.mark.parametrize("content", ["\n", "\n\n \n", "\ufeff", "\ufeff\n", ",,\n"])
def test_a_file_of_blank_lines(tmp_path: Path, content: str) -> None:
    """A file without any row says so."""
    (tmp_path / "votes.csv").write_text(content, encoding="utf-8")

    assert "has no rows" in refused(tmp_path / "votes.csv").message


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_header_alone(tmp_path: Path, end: str) -> None:
    """A file with a header only is a valid file without votes."""
    prepared = take(tmp_path, HEADER + end)

    assert (0, 0, 0) == (prepared.read, prepared.tables["votes"].num_rows, len(prepared.rejects))


def test_a_latin_1_file(tmp_path: Path) -> None:
    """The error names byte and line of the first letter that is not UTF-8, and the command that converts the file."""
    (tmp_path / "votes.csv").write_bytes(f"{HEADER}\n{GOOD}\np2,Caf\u00e9,a,b,wiser\n".encode("latin-1"))

    error = refused(tmp_path / "votes.csv")
    assert (len(HEADER) + len(GOOD) + 2 + 6, 3) == (error.offset, error.row)
    assert f"byte {error.offset}, line 3" in error.message
    assert "iconv -f WINDOWS-1252 -t UTF-8 votes.csv > votes-utf8.csv" in error.hint


def test_a_chinese_legacy_encoding(tmp_path: Path) -> None:
    """Chinese text in GB18030 is recognised as such."""
    (tmp_path / "votes.csv").write_bytes(f"{HEADER}\np1,面临艰难的抉择时,a,b,wiser\n".encode("gb18030"))

    assert "iconv -f GB18030" in refused(tmp_path / "votes.csv").hint


def test_a_wrong_byte_far_into_the_file(tmp_path: Path) -> None:
    """Offset and line are right beyond the first block that is read."""
    head = (HEADER + "\n" + (GOOD + "\n") * 250_000).encode()
    (tmp_path / "votes.csv").write_bytes(head + b"p2,\xff\xfe,a,b,wiser\n")

    error = refused(tmp_path / "votes.csv")
    assert (len(head) + 3, 250_002) == (error.offset, error.row)


def test_a_letter_cut_off_at_the_end(tmp_path: Path) -> None:
    """A file that ends inside a letter is not UTF-8."""
    (tmp_path / "votes.csv").write_bytes(f"{HEADER}\np1,甲".encode()[:-1])

    assert "is not UTF-8 text" in refused(tmp_path / "votes.csv").message


def test_utf_16_without_mark(tmp_path: Path) -> None:
    """UTF-16 without byte order mark is named for what it is."""
    (tmp_path / "votes.csv").write_bytes(f"{HEADER}\n{GOOD}\n".encode("utf-16-le"))

    assert "iconv -f UTF-16" in refused(tmp_path / "votes.csv").hint


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_no_part_of_the_data(tmp_path: Path, encoding: str) -> None:
    """Files with a byte order mark, as Excel writes them, are read; the first column has its own name."""
    prepared = take(tmp_path, f"{HEADER}\np1,面临抉择时,a,b,wiser\n".encode(encoding))

    assert [("p1", "面临抉择时", "a", "b", "wiser")] == answers(prepared)
    assert [] == prepared.notes[:-2]


@pytest.mark.parametrize(("row", "reason"), [
    ("p2,When lost", "2 cells, but the header has 5"),
    ("p2,When lost,a,b,wiser,more", "6 cells, but the header has 5"),
    ("p2", "1 cells, but the header has 5"),
])
def test_ragged_rows(tmp_path: Path, row: str, reason: str) -> None:
    """A row with too few or too many cells is rejected with its cells; all others are taken."""
    prepared = votes(tmp_path, GOOD, row, "p3,When lost,a,b,wiser")

    assert [(3, reason)] == [(each[0], each[3]) for each in reasons(prepared)]
    assert 2 == prepared.tables["votes"].num_rows
    assert (3, 1) == (prepared.read, prepared.rejects.count)
    assert "p2" == prepared.rejects.table["participant"][0].as_py()
    assert ("more" if "more" in row else "") == prepared.rejects.table["_reject_value"][0].as_py()


def test_trailing_blank_cells_do_no_harm(tmp_path: Path) -> None:
    """Commas that a spreadsheet left at the end of rows, and rows of commas only, are nothing."""
    prepared = votes(tmp_path, GOOD + ",,", ",,,,", "p2,When lost,a,b,no,")

    assert (2, 2, 0) == (prepared.read, prepared.tables["votes"].num_rows, len(prepared.rejects))


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    """Blank lines and cells with line breaks count like rows of a sheet; the header is row 1."""
    bad = "p9,When lost,a,b,maybe"
    prepared = take(tmp_path, f'{HEADER}\n\n{bad}\np2,"When\nlost",a,b,wiser\n{bad}\n   \n\n{bad}\n')

    assert [3, 5, 8] == [each[0] for each in reasons(prepared)]
    assert "header is row 1" in prepared.rejects.counting


@pytest.mark.parametrize("filler", ["", "\n"])
def test_rows_are_counted_alike_by_both_readers(tmp_path: Path, filler: str) -> None:
    """The fast reader (no blank line) and the careful one (a blank line at the end of the rows) agree."""
    prepared = take(tmp_path, f'{HEADER}\n{GOOD}\np2,"When\nlost",a,b,wiser\np3,When lost,a,b,maybe\n{filler}{GOOD}\n')

    assert [4] == [each[0] for each in reasons(prepared)]


def test_quotes(tmp_path: Path) -> None:
    """Delimiters, line breaks and doubled quotes inside a quoted cell belong to the cell."""
    prepared = votes(tmp_path, 'p1,"When ""lost"", or\nsad",a,b,wiser')

    assert ['When "lost", or\nsad'] == prepared.new_contexts


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    """The row with the open quote is rejected; the rows after it are read as rows."""
    prepared = votes(tmp_path, GOOD, 'p2,"When lost,a,b,wiser', "p3,When lost,a,b,wiser", "p4,When lost,a,b,wiser")

    assert ["p1", "p3", "p4"] == [each[0] for each in answers(prepared)]
    assert [(3, "a quote is opened and not closed")] == [(each[0], each[3]) for each in reasons(prepared)]
    assert 'p2,"When lost,a,b,wiser' == reasons(prepared)[0][2]


def test_text_beside_quotes(tmp_path: Path) -> None:
    """A cell that goes on after its closing quote is rejected, and the fix says how to quote."""
    prepared = votes(tmp_path, GOOD, 'p2,"When" lost,a,b,wiser')

    assert [(3, "text stands beside a quoted cell")] == [(each[0], each[3]) for each in reasons(prepared)]
    assert "quote the whole cell" in prepared.rejects.table["_reject_fix"][0].as_py()


def test_a_broken_header(tmp_path: Path) -> None:
    """A header with an open quote is an error, since no row can be read without it."""
    error = refused_text(tmp_path, 'participant,"context,from_value,to_value,answer\np1,When lost,a,b,wiser\n')
    assert "the header can't be read" in error.message


def refused_text(folder: Path, content: str, name: str = "votes.csv") -> InputError:
    """The error that importing this text ends in."""
    (folder / name).write_text(content, encoding="utf-8")
    return refused(folder / name)


def test_broken_quotes_everywhere(tmp_path: Path) -> None:
    """A file whose every row has broken quotes gives rejects, not a hang and not a traceback."""
    prepared = votes(tmp_path, GOOD, *[f'p{i},"When "lost" x,a,b,wiser' for i in range(300)])

    assert (301, 300, 1) == (prepared.read, len(prepared.rejects), prepared.tables["votes"].num_rows)


@pytest.mark.parametrize("cell", ["p\0", "\0"])
def test_nul(tmp_path: Path, cell: str) -> None:
    """A row with a NUL character is rejected, wherever the file has it."""
    prepared = votes(tmp_path, GOOD, f"{cell},When lost,a,b,wiser")

    assert [(3, "participant", cell, "the cell contains a NUL character")] == reasons(prepared)
    assert 1 == prepared.tables["votes"].num_rows


def test_a_ten_megabyte_cell(tmp_path: Path) -> None:
    """A cell of 10 MB rejects its row; memory does not blow up and the reject shows the beginning only."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    prepared = votes(tmp_path, GOOD, f"p2,{'x' * 10_000_000},a,b,wiser", "p3,When lost,a,b,wiser")

    assert [(3, "a cell of more than 1,000,000 characters")] == [(each[0], each[3]) for each in reasons(prepared)]
    assert ["p1", "p3"] == [each[0] for each in answers(prepared)]
    assert prepared.rejects.table.nbytes < 10_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


@pytest.mark.parametrize("size", [999_999, 1_000_000])
def test_the_longest_cell_allowed(tmp_path: Path, size: int) -> None:
    """A million characters are taken."""
    prepared = votes(tmp_path, f"p2,{'x' * size},a,b,wiser")

    assert [size] == [len(each) for each in prepared.new_contexts]


@pytest.mark.slow
def test_a_quoted_cell_over_many_lines_that_is_too_long(tmp_path: Path) -> None:
    """An open quote before megabytes of rows costs that row; the rows after it are still read."""
    rows = [f"p{i},When lost,a,b,wiser" for i in range(60_000)]
    prepared = votes(tmp_path, 'q,"When lost,a,b,wiser', *rows)

    assert (60_000, 1) == (prepared.tables["votes"].num_rows, len(prepared.rejects))
    assert 2 == reasons(prepared)[0][0]


@pytest.mark.parametrize(("content", "says"), [
    (b"PK\x03\x04 rest", "Excel workbook"), (b"\xd0\xcf\x11\xe0 rest", "old Excel workbook"),
    (b"\x1f\x8b rest", "gzip"), (b"$FL2 rest", "SPSS"), (b"%PDF-1.7", "PDF"),
])
def test_other_kinds_of_files(tmp_path: Path, content: bytes, says: str) -> None:
    """Workbooks, archives and PDFs are called by their name."""
    (tmp_path / "votes.csv").write_bytes(content)

    assert says in refused(tmp_path / "votes.csv").message


@pytest.mark.parametrize(("content", "says"), [
    ("{", "is not JSON: line 1, column 2"), ("nonsense", "is not JSON: line 1"), ("[1, 2]", "no objects"),
    ("[]", "no objects"),
    ('"text"', "neither a list of records nor a moral graph but str"), ("3", "neither a list of records"),
    ("null", "neither a list of records"), ('{"votes": []}', "(its keys: votes)"),
    ('{"values": {}, "edges": []}', "neither a list of records"), ("[" * 100_000, "nested too deeply"),
    ('{"values": [' + "[" * 100_000, "nested too deeply"),
])
def test_json_of_the_wrong_shape(tmp_path: Path, content: str, says: str) -> None:
    """JSON that is broken, or is neither a table nor a moral graph, says so and where."""
    assert says in refused_text(tmp_path, content, "votes.json").message


def test_json_lines_that_are_no_objects(tmp_path: Path) -> None:
    """A bad line of a JSON Lines file is rejected by its number; blank lines count."""
    good = '{"participant": "p1", "context": "When lost", "from_value": "a", "to_value": "b", "answer": "wiser"}'
    prepared = take(tmp_path, f'{good}\n\n{{"participant": \n[1]\n{{}}\n"x"\n', name="votes.jsonl")

    assert [
        (3, "the line is not JSON"), (4, "not an object with named fields"), (5, "the object is empty"),
        (6, "not an object with named fields"),
    ] == [(each[0], each[3]) for each in reasons(prepared)]
    assert 1 == prepared.tables["votes"].num_rows
    assert "lines of the file" in prepared.rejects.counting


@pytest.mark.parametrize("text", ["\\ud800", "a\\u0000b"])
def test_json_text_that_no_file_can_hold(tmp_path: Path, text: str) -> None:
    """Lone surrogates and NUL, which JSON can spell, reject their row."""
    row = f'{{"participant": "p1", "context": "{text}", "from_value": "a", "to_value": "b", "answer": "wiser"}}'
    prepared = take(tmp_path, row + "\n", name="votes.jsonl")

    assert [(1, "context")] == [each[:2] for each in reasons(prepared)]
    assert 0 == prepared.tables["votes"].num_rows


def test_a_broken_parquet_file(tmp_path: Path) -> None:
    """A file that only begins like Parquet is refused in one sentence."""
    (tmp_path / "votes.parquet").write_bytes(b"PAR1 and then nothing")

    assert "can't be read as Parquet" in refused(tmp_path / "votes.parquet").message


def test_text_named_parquet(tmp_path: Path) -> None:
    """CSV under the name of Parquet is refused in one sentence."""
    assert "can't be read as Parquet" in refused_text(tmp_path, f"{HEADER}\n{GOOD}\n", "votes.parquet").message


def test_a_table_of_something_else(tmp_path: Path) -> None:
    """A table whose columns speak for nothing lists them and asks for the kind."""
    error = refused_text(tmp_path, "name,born\nAnna,1990\n")
    assert "name, born" in error.message
    assert "--kind" in error.hint


@pytest.mark.parametrize(("option", "value", "says"), [
    ("format", "cvs", 'did you mean "csv"?'), ("kind", "vote", 'did you mean "votes"?'),
    ("groups", ["aeg"], 'has no column "aeg"'),
])
def test_wrong_options(tmp_path: Path, option: str, value: object, says: str) -> None:
    """A format, kind or group that is not known names the closest one."""
    (tmp_path / "votes.csv").write_text(f"{HEADER},age\n{GOOD},1\n", encoding="utf-8")

    assert says in refused(tmp_path / "votes.csv", **{option: value}).message


@pytest.mark.parametrize(
    "name", ["a[1].csv", "year=2023/votes.csv", "what?.csv", "a*b.csv", "{x}.csv", "q'uote.csv", "空 格.csv"]
)
def test_odd_file_names(tmp_path: Path, name: str) -> None:
    """Names with pattern letters, quotes, spaces or `key=value` folders are just names."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / "a1.csv").write_text("other\n", encoding="utf-8")
    prepared = take(tmp_path, f"{HEADER}\n{GOOD}\n", name=name)

    assert (1, []) == (prepared.tables["votes"].num_rows, prepared.notes[:-2])


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    """Windows, old Macintosh and Unix line ends are read alike."""
    prepared = take(tmp_path, end.join([HEADER, GOOD, "p2,When lost,a,b,maybe", "p3,When lost,a,b,no"]))

    assert (2, [3]) == (prepared.tables["votes"].num_rows, [each[0] for each in reasons(prepared)])


def test_mixed_line_ends(tmp_path: Path) -> None:
    """A file pasted together from several systems is read."""
    prepared = take(tmp_path, f"{HEADER}\r\n{GOOD}\np2,When lost,a,b,no\r\n")

    assert 2 == prepared.tables["votes"].num_rows


def test_columns_of_one_name(tmp_path: Path) -> None:
    """Columns with the same or no name are told apart; the first of a name is the one meant."""
    prepared = votes(tmp_path, GOOD + ",x,y,z", header=HEADER + ",answer,,")

    assert [("p1", "When lost", "a", "b", "wiser")] == answers(prepared)
    assert "Columns left out, nothing of them is stored: answer_2, column_7, column_8." in prepared.notes


def test_sniff_refuses_like_an_import(tmp_path: Path) -> None:
    """Sniffing a folder, or a file that is no text, ends in the same errors."""
    with pytest.raises(InputError, match="is a folder"):
        sniff(tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        sniff(tmp_path / "none.csv")


INJECTIONS = ["'); DROP TABLE source; --", '"; DELETE FROM coded; --', "$column", "{0}", "%s", "\\", "' OR 1=1", "`x`"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_text_is_never_code(tmp_path: Path, text: str) -> None:
    """Statements in cells, column names, group names, prefixes and answers are only text."""
    quoted = '"' + text.replace('"', '""') + '"'
    prepared = take(
        tmp_path,
        f"{HEADER},{quoted}\n" + f"{quoted},{quoted},{quoted},b,wiser,{quoted}\n" + f"p2,When lost,a,b,{quoted},x\n",
        groups=[text], prefix=text,
    )

    assert [(text + text, text + text, text + text, text + "b", "wiser")] == answers(prepared)
    assert [(text, text)] == [tuple(row.values())[1:] for row in prepared.tables["groups"].to_pylist()]
    assert [(3, "answer", text)] == [each[:3] for each in reasons(prepared)]
