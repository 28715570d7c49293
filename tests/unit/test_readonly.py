"""The allow-list for Cypher that people type: what only reads passes, all else is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine.errors import QueryError
from graphengine.store.readonly import CLAUSES, check_read_only, parameters_of
from graphengine.store.tokens import DEEPEST, LONGEST, MOST, tokens

FILES = Path(__file__).parents[2] / "cypher" / "read"

# Each of these, or its like, was run on Neo4j 5.26 or ladybug 0.22 in a "read-only" mode, or could hide one that was.
ATTACKS = [
    # clauses that write
    ("CREATE (:User {id: 'x'})", "CREATE"),
    ("MATCH (n) DETACH DELETE n", "DETACH"),
    ("MATCH (n) DELETE n", "DELETE"),
    ("MATCH (n) SET n.title = 'x' RETURN n", "SET"),
    ("MATCH (n) REMOVE n.title RETURN n", "REMOVE"),
    ("MERGE (n:User {id: 'x'}) RETURN n", "MERGE"),
    ("MATCH (n) merge (m:User {id: n.id}) RETURN m", "merge"),
    ("MATCH (n) WITH n CREATE (m:Copy) RETURN m", "CREATE"),
    ("UNWIND [1] AS x FOREACH (y IN [x] | CREATE (:User))", "FOREACH"),
    ("INSERT (:User)", "INSERT"),
    ("MATCH (n) NODETACH DELETE n", "NODETACH"),
    # procedures, files, code from elsewhere
    ("CALL dbms.listConfig() YIELD name RETURN name", "CALL"),
    ("CALL db.labels()", "CALL"),
    ("CALL { CREATE (n) RETURN n } RETURN 1", "CALL"),
    ("MATCH (n) CALL (n) { SET n.x = 1 } RETURN n", "CALL"),
    ("MATCH (n) CALL { WITH n DELETE n } IN TRANSACTIONS OF 5 ROWS", "CALL"),
    ("LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line", "LOAD"),
    ("LOAD FROM '/etc/passwd' (header = false) RETURN *", "LOAD"),
    ("LOAD FROM secret RETURN *", "LOAD"),
    ("COPY (MATCH (n) RETURN n.id) TO '/tmp/out.csv'", "COPY"),
    ("COPY User FROM 'users.csv'", "COPY"),
    ("EXPORT DATABASE '/tmp/out'", "EXPORT"),
    ("IMPORT DATABASE '/tmp/out'", "IMPORT"),
    ("INSTALL httpfs", "INSTALL"),
    ("LOAD EXTENSION httpfs", "LOAD"),
    ("ATTACH 'other.db' AS other (dbtype duckdb)", "ATTACH"),
    ("RETURN apoc.load.json('http://example.org')", "json"),
    ("RETURN `apoc.load`.json('x')", "json"),
    ("RETURN apoc . cypher . runFirstColumn ( 'x' )", "runFirstColumn"),
    ("MATCH (n) WHERE n.id = `file`('/etc/passwd') RETURN n", "file"),
    ("RETURN nextval('numbers')", "nextval"),
    ("RETURN graph.byName('other')", "byName"),
    # administration
    ("SHOW USERS", "SHOW"),
    ("SHOW FUNCTIONS YIELD name RETURN name", "SHOW"),
    ("USE system MATCH (n) RETURN n", "USE"),
    ("DROP TABLE User", "DROP"),
    ("ALTER TABLE User DROP id", "ALTER"),
    ("ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'", "ALTER"),
    ("CHECKPOINT", "CHECKPOINT"),
    ("BEGIN TRANSACTION", "BEGIN"),
    ("COMMIT", "COMMIT"),
    ("EXPLAIN MATCH (n) RETURN n", "EXPLAIN"),
    ("PROFILE MATCH (n) DETACH DELETE n", "PROFILE"),
    ("CYPHER 25 MATCH (n) RETURN n", "CYPHER"),
    ("TERMINATE TRANSACTIONS 'x'", "TERMINATE"),
    ("MATCH (n) FINISH", "FINISH"),
    ("LET x = 1 RETURN x", "LET"),
    ("MATCH (n) FILTER n.x RETURN n", "FILTER"),
    # clauses nobody has thought of yet
    ("MATCH (n) ABRACADABRA n", "ABRACADABRA"),
    ("ABRACADABRA", "ABRACADABRA"),
    # several statements
    ("RETURN 1; CREATE (:User)", ";"),
    ("RETURN 1; RETURN 2", ";"),
    (";", ";"),
    ("RETURN 1;;", ";"),
    # hiding
    ("RETURN 1 AS a /* harmless */ CREATE (b)", "CREATE"),
    ("RETURN 1 AS a // said\nCREATE (b)", "CREATE"),
    ("RETURN 1 AS a // said\r CREATE (b)", "\r"),
    ("RETURN 1 AS a // said\u2028CREATE (b)", "\u2028"),
    ("RETURN 1 AS a /***/ , ' */ CREATE (b) // '", "/"),
    ("RETURN 'a\\u0027 CREATE (b) //'", "\\"),
    ("RETURN 'a\\\\u0027 CREATE (b) //'", "\\"),
    ("RETURN 1 \\u0043REATE (b)", "\\"),
    ("RETURN 'it''s' CREATE (b)", "'s'"),
    ("RETURN 'a\\' AS x CREATE (b)", "'"),
    ('RETURN "a AS x', '"'),
    ("RETURN `a AS x", "`"),
    ("RETURN 1 /* never closed", "/"),
    ("RETURN 1\x00CREATE (b)", "\x00"),
    ("RETURN 1\x1cCREATE (b)", "\x1c"),
    ("RETURN 1\u2003CREATE (b)", "\u2003"),
    ("RETURN 1\u00adCREATE (b)", "\u00ad"),
    ("RETURN 5CREATE (b)", "5"),
    ("RETURN 1.CREATE (b)", "CREATE"),
    ("RETURN EXISTS { CREATE (b) }", "CREATE"),
    ("RETURN COLLECT { MATCH (b) SET b.x = 1 RETURN b }", "SET"),
    ("RETURN VALUE { CREATE (b) }", "CREATE"),
    ("MATCH (n) WHERE n:$(x) RETURN n", "$"),
    # words that Neo4j takes for variables where a checker would take them for keywords
    ("UNWIND [1] AS distinct WITH distinct CALL db.info() YIELD name RETURN name", "distinct"),
    ("UNWIND [1] AS `distinct` WITH distinct CALL db.info() YIELD name RETURN name", "distinct"),
    ("UNWIND [1] AS not WITH not CALL db.info() YIELD name RETURN name", "not"),
    ("UNWIND [1] AS case WITH case CALL db.info() YIELD name RETURN name", "case"),
    ("MATCH (not {id: 'x'}) WITH not ABRACADABRA [1]", "{"),
    ("MATCH (distinct {id: 'x'}) WITH distinct ABRACADABRA [1]", "distinct"),
    ("MATCH (not WHERE [1] = [1]) RETURN not", "WHERE"),
    ("MATCH (n), ((a)-[:WISER]->(b))+ DELETE [n][0]", "DELETE"),
    ("MATCH (n), ((a)-[:WISER]->(b))+ ABRACADABRA [n][0]", "+"),
    ("MATCH (n), (((a)-[:WISER]->(b)))* ABRACADABRA [n][0]", "*"),
    ("MATCH (n) WHERE n:% ABRACADABRA [n][0]", "ABRACADABRA"),
    ("MATCH (n) OPTIONAL CALL db.labels()", "CALL"),
    ("MATCH (n) RETURN n ORDER n.id", "n"),
]

READING = [
    "MATCH (n) RETURN n",
    "MATCH (n) RETURN n;",
    "  // what for\n MATCH (n)\r\nRETURN n /* done */ ;\n// said CREATE\n",
    "/**/ RETURN 1 AS one",
    "MATCH (u:User)-[v:VOTED]->(q:Upgrade) WHERE v.answer IN ['wiser', 'x'] AND NOT u.id = $u RETURN count(*)",
    "match (c:Context {id: $context})<-[r:RANKED_IN]-(v:ValuesCard) return v.id as id order by r.rank asc, id limit 1",
    "MATCH (a:ValuesCard)-[:WISER*1..3 {context_id: $c}]->(b)<--(d)--(e) RETURN DISTINCT b.id, b.title",
    "MATCH (a)-[*]->(b) WITH *, 1 AS one RETURN *",
    "MATCH (a)-[*..2]->(b), (c {k: -1.5e3}) RETURN DISTINCT *",
    "MATCH p = shortestPath((a)-[*..3]-(b)) RETURN length(p), [n IN nodes(p) | n.id] AS ids",
    "MATCH ((a)-[:WISER]->(b)){1,3} (c) RETURN c",
    "MATCH (n:Load) RETURN n.set AS set_, n.`call`, n.order, n.create",
    "MATCH (n:A|B)-[:CALLS|SETS]->(m:!User) RETURN n",
    "MATCH (n) WHERE n:ValuesCard OR n:% RETURN n",
    "MATCH (n) WHERE EXISTS { MATCH (n)-[:WISER]->() WHERE n.x > 1 } RETURN n",
    "MATCH (n) WHERE NOT EXISTS {(n)-[:WISER]->()} RETURN COUNT { MATCH (n)--(m) RETURN m } AS m",
    "MATCH (n) RETURN n {.id, .*, policies: size(n.policies)} AS n",
    "RETURN {set: 1, call: [1, 2], nested: {create: 'x'}} AS map",
    "RETURN CASE WHEN 1 > 2 THEN 'more' WHEN true THEN 'less' ELSE null END AS x",
    "MATCH (n) RETURN CASE n.x WHEN 1 THEN {a: 1} ELSE CASE WHEN n.y THEN 1 END END",
    "RETURN 1 AS x UNION ALL RETURN 2 AS x UNION RETURN 3 AS x UNION DISTINCT RETURN 4 AS x",
    "UNWIND $rows AS row RETURN row.order, row.x + row.y SKIP $skip LIMIT $limit",
    "UNWIND [3, 1, 2] AS x WITH x ORDER BY x DESC LIMIT 2 WHERE x > 1 RETURN collect(DISTINCT x)",
    "MATCH (n) WHERE n.title STARTS WITH 'a' OR n.title ENDS WITH 'b' XOR n.title CONTAINS 'c' RETURN n",
    "MATCH (n) WHERE n.title IS NOT NULL AND n.title =~ '(?i).*wise.*' AND n.x <> 1 AND n.y <= 2 RETURN n",
    "MATCH (n) WHERE any(p IN n.policies WHERE p CONTAINS 'GRIEF') RETURN n",
    "RETURN reduce(s = 0, x IN [1, 2] | s + x) AS total, (1 + 2) * 3 % 2 ^ 2 AS sum",
    "RETURN [x IN range(1, 9) WHERE x % 2 = 0 | x * x][1..3] AS xs",
    "MATCH (n) OPTIONAL MATCH (n)-[v:VOTED]->() WITH n, count(v) AS votes WHERE votes = 0 RETURN n.id",
    "MATCH (情境:Context) WHERE 情境.id = '伤心的时候' RETURN 情境.text AS `文本 — CREATE`",
    "RETURN 'CREATE (n) // DELETE n' AS x, \"it's; DROP\" AS y, 'a\\'b\\\\' AS z",
    "MATCH (`call`) RETURN `call`.id, $set, $`create`",
    "MATCH (n) RETURN (n.a + n.b) * n.c, ((1 + 2)) + n.a",
    "MATCH (n:/* CREATE */User) RETURN n.id // DETACH DELETE n",
]


@pytest.mark.parametrize(("text", "word"), ATTACKS, ids=[repr(text)[1:60] for text, _ in ATTACKS])
def test_anything_but_reading_is_refused(text: str, word: str) -> None:
    """A text that writes, calls, loads, administers or hides is refused, and the error names the word and its place."""
    with pytest.raises(QueryError) as caught:
        check_read_only(text)
    assert word == caught.value.word
    rest = text.split("\n")[caught.value.line - 1][caught.value.column - 1 :]
    assert rest.startswith((word, f"`{word}`"))
    assert f"line {caught.value.line}, column {caught.value.column}" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", READING, ids=[repr(text)[1:60] for text in READING])
def test_reading_passes(text: str) -> None:
    """A text that only reads passes, whatever its strings, comments, labels, properties and backticked names say."""
    assert check_read_only(text) is None


@pytest.mark.parametrize("path", sorted(FILES.glob("*.cypher")), ids=lambda path: path.stem)
def test_the_projects_own_read_files_pass(path: Path) -> None:
    """Every file in cypher/read is what the checker allows, so that people can start from one."""
    assert check_read_only(path.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("text", ["", "   \n", "// nothing", "/* nothing */"])
def test_an_empty_text_is_refused(text: str) -> None:
    """A text without a statement is refused as empty."""
    with pytest.raises(QueryError, match="it is empty"):
        check_read_only(text)


@pytest.mark.parametrize(
    "text", ["RETURN", "MATCH (n", "RETURN [1", "RETURN CASE WHEN 1 THEN 2", "RETURN 1 +", "RETURN NOT"]
)
def test_an_unfinished_text_is_refused(text: str) -> None:
    """A text that ends inside a bracket, a CASE or an expression is refused."""
    with pytest.raises(QueryError, match="it ends in the middle"):
        check_read_only(text)


@pytest.mark.parametrize("text", ["RETURN (1]", "RETURN 1)", "RETURN {a: 1", "RETURN [CASE WHEN 1 THEN 2]"])
def test_brackets_must_fit(text: str) -> None:
    """A bracket that closes nothing, or another kind, is refused."""
    with pytest.raises(QueryError, match=r"closes nothing|ends in the middle"):
        check_read_only(text)


def test_depth_and_length_are_bounded() -> None:
    """Texts that would overflow an engine's parser are refused; up to the limits they pass."""
    check_read_only("RETURN " + "(" * DEEPEST + "1" + ")" * DEEPEST)
    for text in (
        "RETURN " + "(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1),
        "RETURN " + "NOT " * MOST + "true",
        "RETURN '" + "x" * LONGEST + "'",
    ):
        with pytest.raises(QueryError):
            check_read_only(text)


def test_the_hint_lists_what_is_allowed() -> None:
    """The hint of a refused clause names every clause that a query may use."""
    with pytest.raises(QueryError) as caught:
        check_read_only("MATCH (n)\n  SET n.x = 1")
    assert all(clause in caught.value.hint for clause in CLAUSES)
    assert (2, 3, "SET") == (caught.value.line, caught.value.column, caught.value.word)


def test_a_refused_function_lists_the_allowed_ones() -> None:
    """The hint of a refused function names the functions that may be called."""
    with pytest.raises(QueryError) as caught:
        check_read_only("RETURN sleep(5)")
    assert "coalesce" in caught.value.hint
    assert "sleep" not in caught.value.hint


def test_parameters_are_found_outside_strings_and_comments() -> None:
    """Parameters are those that the engine would ask for, each once."""
    text = "MATCH (n {id: $id}) WHERE n.x IN $xs AND n.y = '$no' // $neither\nRETURN n, $id, $`odd name`, $0"
    assert {"id", "xs", "odd name", "0"} == parameters_of(text)


FORBIDDEN = (
    "CREATE", "call", "Merge", "SET", "DELETE", "LOAD", "COPY", "DROP", "SHOW", "REMOVE", "USE", "FOREACH", "YIELD"
)
SOUP = (*"()[]{},.:;|=<>+-*%!", *("CREATE", "CALL", "MATCH", "RETURN", "WITH", "NOT", "distinct", "AS", "n", "1"))


@settings(deadline=None, max_examples=300)
@given(text=st.sampled_from(READING[:-3]), word=st.sampled_from(FORBIDDEN), where=st.floats(0, 1))
def test_a_forbidden_word_is_refused_anywhere(text: str, word: str, where: float) -> None:
    """A forbidden keyword put between any two tokens of an allowed query makes it refused."""
    found = tokens(text)
    place = found[min(int(where * len(found)), len(found) - 1)]
    lines = text.split("\n")
    before = lines[place.line - 1]
    lines[place.line - 1] = f"{before[: place.column - 1]} {word} {before[place.column - 1 :]}"
    with pytest.raises(QueryError):
        check_read_only("\n".join(lines))


@settings(deadline=None, max_examples=200)
@given(
    said=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\\'\"`*"), max_size=30),
    word=st.sampled_from(FORBIDDEN),
    quote=st.sampled_from(["'", '"', "`"]),
)
def test_any_word_is_allowed_in_strings_names_and_comments(said: str, word: str, quote: str) -> None:
    """Strings, backticked names and comments may say anything."""
    inside = f"{said}{word} {said}"
    check_read_only(f"MATCH (n) WHERE n.{quote}{inside}{quote} = 1 RETURN n" if quote == "`" else
                    f"MATCH (n) WHERE n.x = {quote}{inside}{quote} RETURN n")
    check_read_only(f"MATCH (n) /* {inside} */ RETURN n // {inside}")


@settings(deadline=None, max_examples=300)
@given(text=st.text(max_size=60))
def test_any_text_gives_an_answer(text: str) -> None:
    """Whatever is typed, the answer is yes or a QueryError with a hint."""
    try:
        check_read_only(text)
    except QueryError as error:
        assert error.hint
    else:
        assert text.strip()


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(SOUP), max_size=12))
def test_no_clause_is_ever_read_as_an_operand(words: list[str]) -> None:
    """A soup of words and signs with CREATE or CALL in it passes only where it is a property or a label."""
    try:
        check_read_only(" ".join(words))
    except QueryError:
        return
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word in {"CREATE", "CALL"}:
            assert before in {".", ":"} or after == ":"
