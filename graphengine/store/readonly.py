"""May this Cypher text be run for somebody? Only if it does nothing but read.

The read modes of the engines are not safe alone: a Neo4j READ session ran `LOAD CSV` of a local file and `SHOW USERS`,
ladybug's read-only mode wrote files with `COPY TO` and read the caller's Python variables with `LOAD FROM`. So a text
has to pass an **allow-list** here, before any engine sees it.

How it works: in Cypher two operands never stand side by side. Walking over the tokens, the checker knows whether an
operand is due or has just ended; where one has ended, the only words that may follow are allowed clauses and infix
keywords, so a clause nobody has thought of is refused like `CALL`. Three more rules close the gaps:

- only listed functions can be called, and none with a dot or in backticks (procedures' cousins, file readers);
- keywords can't be variables, and `NOT`, `DISTINCT`, `CASE` not even in backticks: otherwise `WITH distinct CALL …`
  reads as one thing here and as another in Neo4j;
- a `{` opens a map, whose keys are checked, or a subquery after `EXISTS`, `COUNT`, `COLLECT`, which is checked alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphengine.store.tokens import DEEPEST, Token, refuse, tokens

CLAUSES = ("MATCH", "OPTIONAL MATCH", "WHERE", "WITH", "UNWIND", "RETURN", "ORDER BY", "SKIP", "LIMIT", "UNION")
"""The clauses of a reading query."""

FUNCTIONS = frozenset(
    """
    abs all allshortestpaths any array_cosine_similarity avg cast ceil coalesce collect count date datetime elementid
    endnode epoch_ms exists exp floor greatest head isempty isnan keys label labels last least left length
    list_contains list_distinct list_sort ln log log10 lower ltrim max min nodes none nullif percentilecont
    percentiledisc pow properties range reduce relationships rels replace reverse right round rtrim shortestpath sign
    single size split sqrt startnode stdev stdevp substring sum tail toboolean tofloat tointeger tolower tostring
    toupper trim type upper
    """.split()
)
"""The functions that may be called, in lower case. None of them reads a file, changes a state or waits."""

_OPENING = {"MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN"}
_GOING_ON = _OPENING | {"WHERE", "ORDER", "SKIP", "LIMIT", "UNION"}
_INFIX = {"AND", "OR", "XOR", "IN", "AS", "CONTAINS", "IS", "STARTS", "ENDS"}
_DIRECTIONS = {"ASC", "ASCENDING", "DESC", "DESCENDING"}
_PREFIX = {"NOT", "DISTINCT", "CASE"}
_SECOND = {"OPTIONAL": "MATCH", "ORDER": "BY", "STARTS": "WITH", "ENDS": "WITH"}
_SUBQUERY = {"EXISTS", "COUNT", "COLLECT"}
_AGGREGATES = {"avg", "collect", "count", "max", "min", "stdev", "stdevp", "sum"}
_NEVER = frozenset(
    """
    ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT COMMENT COMMIT COPY CREATE CYPHER DEALLOCATE DELETE DENY DETACH DROP
    DRYRUN ENABLE EXECUTE EXPLAIN EXPORT EXTENSION FILTER FINISH FOREACH GRANT IMPORT INSERT INSTALL LET LOAD MERGE
    NEXT NODETACH PROFILE REMOVE RENAME REVOKE ROLLBACK SEARCH SET SHOW START STOP TERMINATE UNINSTALL UPDATE USE
    USING YIELD
    """.split()
)
_RESERVED = _NEVER | _GOING_ON | _INFIX
_CLOSES = {")": "(", "]": "[", "}": "{"}
_HINT = (
    "a query may use " + ", ".join(CLAUSES) + "; names like a keyword go in backticks, values in parameters"
    " (-p name=value)"
)


def check_read_only(text: str) -> None:
    """Refuse a Cypher text unless it is one statement that only reads.

    Passing says nothing about the syntax otherwise: the engine judges that.

    Args:
        text: One statement; one `;` may end it.

    Raises:
        QueryError: If it is refused; `word`, `line` and `column` name what and where.

    Example:
        >>> check_read_only("MATCH (c:ValuesCard) RETURN c.title // CREATE is only said here")
        >>> check_read_only("MATCH (c) DETACH DELETE c")
        Traceback (most recent call last):
        graphengine.errors.QueryError: the query is refused at line 1, column 11: DETACH is not allowed here
    """
    _Checker(tokens(text)).run()


def parameters_of(text: str) -> set[str]:
    """The names of the parameters that a Cypher text uses; those in comments and texts do not count.

    Raises:
        QueryError: If the text can't be read.

    Example:
        >>> sorted(parameters_of("MATCH (c {id: $id}) WHERE c.title = '$no' RETURN c LIMIT $most"))
        ['id', 'most']
    """
    return {token.text for token in tokens(text) if token.kind == "parameter"}


@dataclass
class _Frame:
    """An open bracket, or the statement itself."""

    opener: str
    kind: str  # "query", "map" or "group"
    cases: int = 0  # CASE … that still lack their END
    key_due: bool = False  # in a map: the next thing is a key
    pattern: bool = False  # holds a relationship, so that `+` and `*` after it may repeat it


class _Checker:
    """One walk over the tokens. `due` says what comes next: a clause, an operand, or what may follow an operand."""

    def __init__(self, found: list[Token]) -> None:
        end = Token("end", "", found[-1].line if found else 1, found[-1].column if found else 1)
        self.tokens = [*found, end]
        self.at = 0
        self.frames = [_Frame("", "query")]
        self.due = "clause"
        self.keyword = ""  # the word before, where it was read as a keyword
        self.closed = _Frame("", "group")  # the bracket closed last

    def run(self) -> None:
        for token in self.tokens[:-1]:
            keyword, self.keyword = self.keyword, ""
            if keyword in _SECOND and (token.kind != "word" or token.text.upper() != _SECOND[keyword]):
                refuse(f"{keyword} needs {_SECOND[keyword]} after it", token, _HINT)
            if token.kind == "word":
                self.word(token, keyword)
            elif token.kind == "operator":
                self.operator(token, keyword)
            else:
                self.operand(token)
            self.at += 1
        end = self.tokens[-1]
        if len(self.frames) > 1 or self.frames[0].cases or self.due != "more":
            refuse("it ends in the middle" if self.at else "it is empty", end, _HINT)

    def near(self, step: int) -> Token:
        at = self.at + step
        return self.tokens[at] if at >= 0 else Token("start", "", 1, 1)

    def deny(self, token: Token) -> None:
        refuse(f"{token.text} is not allowed here", token, _HINT)

    def operand(self, token: Token) -> None:
        """A string, a number, a parameter or a name in backticks."""
        frame = self.frames[-1]
        before = self.near(-1).text if self.near(-1).kind == "operator" else ""
        if self.due != "operand":
            self.deny(token)
        if token.kind == "name":
            if before == "." and self.near(-2).kind == "number":
                self.deny(token)
            if self.near(1).text == "(":
                refuse("a function in backticks can't be called", token, _hint_functions())
            if token.text.upper() in _PREFIX and before not in {".", ":"}:
                refuse(f"`{token.text}` can't be a name", token, "take another name")
        if frame.key_due and before in {"{", ","} and token.kind != "number":
            self.key(token)
        self.due = "more"

    def key(self, token: Token) -> None:
        if self.near(1).text != ":":
            refuse(f"{token.text} opens no map and no allowed subquery", token, "a map is written {name: value}")

    def word(self, token: Token, keyword: str) -> None:
        word, frame, before = token.text.upper(), self.frames[-1], self.near(-1)
        if keyword in _SECOND:
            self.keyword, self.due = "", "operand"
            if keyword == "OPTIONAL":
                self.keyword = "MATCH"
        elif self.due == "clause":
            if word in {"ALL", "DISTINCT"} and keyword == "UNION":
                return
            if word not in _OPENING:
                self.deny(token)
            self.keyword, self.due = word, "operand"
        elif self.due == "more":
            self.infix(token, word)
        elif before.kind == "operator" and before.text in {".", ":"} and not self.is_value(before):
            if self.near(1).text == "(":
                refuse(f"the function {token.text} can't be called", token, _hint_functions())
            if before.text == "." and self.near(-2).kind == "number":
                self.deny(token)
            self.due = "more"
        elif frame.key_due and before.text in {"{", ","}:
            self.key(token)
            self.due = "more"
        else:
            self.start_operand(token, word, keyword)

    def is_value(self, colon: Token) -> bool:
        """Does this colon part a key of a map from its value (and not a name from its label)?"""
        return colon.text == ":" and self.frames[-1].kind == "map" and not self.frames[-1].key_due

    def infix(self, token: Token, word: str) -> None:
        frame = self.frames[-1]
        if word in {"WHEN", "THEN", "ELSE", "END"} and frame.cases:
            frame.cases -= word == "END"
            self.due = "more" if word == "END" else "operand"
        elif word in _DIRECTIONS:
            return
        elif word in _INFIX or word == "WHERE" or (word in _GOING_ON and frame.kind == "query"):
            self.keyword, self.due = word, "clause" if word == "UNION" else "operand"
        else:
            self.deny(token)

    def start_operand(self, token: Token, word: str, keyword: str) -> None:
        frame, after = self.frames[-1], self.near(1).text
        if word == "DISTINCT":
            counts = self.near(-1).text == "(" and self.near(-2).text.lower() in _AGGREGATES
            if keyword not in {"RETURN", "WITH"} and not counts:
                self.deny(token)
            self.keyword = word
        elif word in {"NOT", "CASE"} and keyword != "AS":
            frame.cases += word == "CASE"
            self.keyword = word
        elif word == "WHEN" and keyword == "CASE":
            self.keyword = word
        elif word in _SUBQUERY and after == "{":
            self.keyword, self.due = word, "more"
        elif word in _RESERVED or word in _PREFIX:
            self.deny(token)
        else:
            if after == "(" and token.text.lower() not in FUNCTIONS:
                refuse(f"the function {token.text} is not one of those allowed", token, _hint_functions())
            repeats = self.near(-1).text in {"+", "*"} and self.near(-2).text == ")"
            if repeats and self.closed.pattern:
                refuse("after this sign a sum and a clause look alike", self.near(-1), "write {1,} for a repetition")
            self.due = "more"

    def operator(self, token: Token, keyword: str) -> None:
        sign = token.text
        if keyword in _PREFIX and sign not in "([-+" and not (sign in "*{" and keyword == "DISTINCT"):
            refuse(f"{keyword} needs something after it, and can't be a name", token, "take another name")
        if sign in "([{":
            self.open(sign, token, keyword)
        elif sign in _CLOSES:
            self.close(sign, token)
        elif self.is_misplaced(sign):
            self.deny(token)
        elif sign == ";":
            if len(self.frames) > 1 or self.due != "more" or self.near(1).kind != "end":
                refuse("only one statement is run at a time", token, "run the statements one by one")
        elif self.due == "operand" and (sign == "%" or (sign == "*" and self.near(-1).text != "[")):
            self.due = "more"  # everything: `count(*)`, `n:%`
        else:
            frame = self.frames[-1]
            frame.key_due = frame.kind == "map" and (sign == "," or (frame.key_due and sign not in ":"))
            follows = self.near(1).text
            frame.pattern |= (sign == "-" and follows in {"-", "[", ">"}) or (sign == "<" and follows == "-")
            self.due = "operand"

    def is_misplaced(self, sign: str) -> bool:
        if sign == "!":  # before an operand, or as `!=`
            return self.due == "clause" or (self.due == "more" and self.near(1).text != "=")
        if sign == ",":  # after an operand, or in a quantifier `{,3}`
            return self.due != "more" and self.near(-1).text != "{"
        return self.due == "clause"

    def open(self, sign: str, token: Token, keyword: str) -> None:
        before = self.near(-1)
        subquery = sign == "{" and keyword in _SUBQUERY
        if self.due == "clause" and not (sign == "(" and before.text == "{"):
            self.deny(token)
        if sign == "(" and self.due == "more" and not (before.kind == "word" or before.text in {")", "}"}):
            self.deny(token)
        if len(self.frames) > DEEPEST:
            refuse(f"brackets are nested deeper than {DEEPEST}", token, "write the query with less nesting")
        kind = "query" if subquery else "map" if sign == "{" else "group"
        self.frames.append(_Frame(sign, kind, key_due=kind == "map"))
        self.due = "clause" if subquery else "operand"

    def close(self, sign: str, token: Token) -> None:
        frame = self.frames[-1]
        if frame.opener != _CLOSES[sign] or frame.cases or self.due == "clause":
            refuse(f"{sign} closes nothing that is open here", token, "check the brackets")
        self.closed = self.frames.pop()
        self.frames[-1].pattern |= frame.pattern and sign == ")"
        self.due = "more"


def _hint_functions() -> str:
    return "functions that may be called: " + ", ".join(sorted(FUNCTIONS))
