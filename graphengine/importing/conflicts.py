"""One person, one question, several answers in the same file.

The same answer again says nothing new. Different answers: the latest `at` holds and the others become earlier answers;
where times are missing or equal nothing tells which one holds, so all of them are rejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphengine.importing.checks import column_sql
from graphengine.importing.source import one

if TYPE_CHECKING:
    from graphengine.importing.mapping import Mapping
    from graphengine.importing.source import Source


def settle(source: Source, mapping: Mapping) -> None:
    """From `voted(row, asked, key, a, ms)` make `settled(key, a, ms)` and `earlier(key, a, ms)`.

    Conflicting answers leave `voted` and go to the problems. `key` names the person and the upgrade.
    """
    con = source.con
    con.execute("CREATE TABLE repeated AS SELECT key FROM voted GROUP BY key HAVING count(*) > 1")
    if not one(con, "SELECT count(*) FROM repeated"):
        con.execute("CREATE VIEW settled AS SELECT key, a, ms FROM voted")
        con.execute("CREATE VIEW earlier AS SELECT key, a, ms FROM voted WHERE false")
        return
    con.execute(
        """
        CREATE TABLE twice AS SELECT * FROM voted SEMI JOIN repeated USING (key);
        CREATE TABLE verdicts AS
            WITH latest AS (
                SELECT key, count(DISTINCT a) AS answers, count(ms) < count(*) AS untimed, max(ms) AS ms
                FROM twice GROUP BY key
            )
            SELECT key, any_value(answers) AS answers, any_value(l.ms) AS ms, min(t.a) AS a,
                any_value(answers) > 1 AND (any_value(untimed) OR count(DISTINCT t.a) > 1) AS conflict,
                any_value(untimed) AS untimed
            FROM latest l JOIN twice t USING (key) WHERE t.ms = l.ms OR l.ms IS NULL OR untimed
            GROUP BY key
        """
    )
    con.execute(
        f"""
        INSERT INTO problems
        WITH fights AS (
            SELECT key, any_value(v.untimed) AS untimed, string_agg(DISTINCT row, ', ' ORDER BY row) AS rows
            FROM twice JOIN verdicts v USING (key) WHERE conflict GROUP BY key
        )
        SELECT l.row, l.asked, {column_sql("answer")}, l.answer,
            'the same person answers the same question differently in rows ' || left(rows, 100)
                || CASE WHEN untimed THEN ', and nothing tells which is later' ELSE ' at the same time' END,
            'keep one of the rows, or give each its time in a column at'
        FROM fights JOIN twice USING (key) JOIN long l USING (row, asked)
        """,
        {"column": mapping.columns.get("answer", "answer")},
    )
    con.execute(
        """
        DELETE FROM voted WHERE key IN (SELECT key FROM verdicts WHERE conflict);
        CREATE VIEW settled AS
            SELECT key, a, ms FROM voted ANTI JOIN repeated USING (key)
            UNION ALL SELECT key, a, ms FROM verdicts WHERE NOT conflict;
        CREATE VIEW earlier AS
            SELECT DISTINCT t.key, t.a, t.ms FROM twice t JOIN verdicts v USING (key)
            WHERE NOT v.conflict AND v.answers > 1 AND t.ms < v.ms
        """
    )
