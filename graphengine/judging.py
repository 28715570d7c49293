"""What a moral graph offers around its rankings: making them, and judging how far they hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine import ranked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from graphengine.answers import ContextRef, RankOutcome
    from graphengine.answers_asking import NextQuestions
    from graphengine.answers_comparing import Comparison
    from graphengine.answers_report import ReportOutcome
    from graphengine.answers_structure import Structure, UpgradePath
    from graphengine.answers_time import Diff, Drift, Groups
    from graphengine.answers_validity import Validity
    from graphengine.store.base import Store


class Judging:
    """The part of `graphengine.MoralGraph` that ranks."""

    store: Store

    if TYPE_CHECKING:
        def context(self, name: str) -> ContextRef:
            """A context by id or text."""
            ...

        def card(self, name: str) -> dict[str, Any]:
            """A values card by id or title."""
            ...

    def rank(
        self, method: str = "bradley-terry", *, edge_rule: str = "mai-2023", not_wiser: str = "against",
        confidence: float = 0.8, scores: str = "normalised", tallies: bool = False, variable: str = "",
        full: bool = False, as_of: str = "", bootstrap: int = 0,
    ) -> RankOutcome:
        """Rank the cards of every context and derive the wiser edges; both are stored in the graph.

        Where the ranking is there already, only the contexts whose votes changed are ranked again, with the stored
        calibration; the result is that of ranking everything with it. Once the answers have moved on by 5%, the
        calibration is fitted anew, and where it has drifted everything is ranked again.

        Args:
            method: A name of `graphengine.ranking.METHODS`.
            edge_rule: For pagerank: a name of `graphengine.ranking.EDGE_RULES`.
            not_wiser: `against`: a "not wiser" counts for the card asked from; `tie`: for neither.
            confidence: The least P(top) of a single winner.
            scores: For pagerank: `normalised` (sum to 1 in each context) or `published` (as the published code).
            tallies: Let methods that take votes use published tallies as if they were votes.
            variable: For bradley-terry-groups: the group variable.
            full: Calibrate and rank everything anew.
            as_of: Rank the answers as they stood at a date (its whole day counts) or time, ISO 8601, UTC. That ranking
                is stored under its own id and never stale, and leaves the wiser edges alone. An answer without a time
                counts from its import on.
            bootstrap: P(top) and rank intervals come from so many draws of people, each ranked anew (about 200 are
                enough), in the place of what the method itself says. Published tallies are not drawn.

        Raises:
            RankingError: If the method can't run on what there is.
            InputError: If `as_of` is no date.
        """
        return ranked.rank(self.store, method, edge_rule, not_wiser, confidence, scores, tallies, variable=variable,
                           full=full, as_of=as_of, bootstrap=bootstrap)

    def drift(
        self, before: str, after: str, *, not_wiser: str = "against", confidence: float = 0.8, least: float = 0.1
    ) -> Drift:
        """The contexts whose winner or P(top) moved between two dates, with intervals; nothing is stored.

        Both dates are ranked by bradley-terry with one calibration (the stored one, else one fitted to the answers as
        of the second date), so that what moved are the answers. An answer without a time counts from its import on.

        Args:
            before: A date (its whole day counts) or time, ISO 8601, UTC.
            after: A later one.
            not_wiser: `against` or `tie`.
            confidence: The least P(top) of a single winner.
            least: The least move of P(top) that counts.

        Raises:
            InputError: If one is no date, or they are not in order.
            RankingError: If there were no answers as of a date.
        """
        return ranked.drift(self.store, before, after, not_wiser=not_wiser, confidence=confidence, least=least)

    def diff(self, before: str, after: str, *, least: float = 0.1) -> Diff:
        """What differs between two stored rankings: winners, leaders, P(top), ranks.

        Args:
            before: Id of a ranking (`graphengine query rankings` lists them).
            after: Id of another one.
            least: The least move of P(top) that counts.

        Raises:
            NotRankedError: If there is no such ranking.
        """
        return ranked.diff(self.store, before, after, least=least)

    def groups(
        self, variable: str, context: str | None = None, *, k: int = 5, least: float = 0.5, not_wiser: str = "against",
        confidence: float = 0.8,
    ) -> Groups:
        """Rankings per group of a variable, and the pairs of values that flip between groups; nothing is stored.

        Every group is ranked by bradley-terry on its own answers, with the calibration of all.

        Args:
            variable: A group variable that was kept when votes were imported.
            context: A context by id or text; all of them by default.
            k: Groups of fewer people in a context are masked.
            least: The least probability of a flip that is told.
            not_wiser: `against` or `tie`.
            confidence: The least P(top) of a single winner.

        Raises:
            NotFoundError: If there is no such context, or nobody is in a group of that variable.
        """
        where = None if context is None else self.context(context)
        return ranked.groups(self.store, variable, where, k=k, least=least, not_wiser=not_wiser, confidence=confidence)

    def compare(
        self, context: str | None = None, *, edge_rule: str = "mai-2023", not_wiser: str = "against",
        variable: str = "",
    ) -> Comparison:
        """All methods side by side: who leads by which, and how far their orders agree. Nothing is stored.

        Of more than 2,000 contexts a fixed 2,000 are compared, and `notes` says so.

        Args:
            context: A context by id or text; all of them by default.
            edge_rule: For pagerank.
            not_wiser: `against` or `tie`, as in `rank`.
            variable: A group variable; without it bradley-terry-groups is left out.

        Raises:
            NotFoundError: If there is no such context.
            RankingError: If there are no votes (in the context), or nobody belongs to a group of the variable.
        """
        return ranked.compare(
            self.store, None if context is None else self.context(context), edge_rule, not_wiser, variable)

    def validate(
        self, context: str | None = None, *, shuffles: int = 200, orders: int = 20, not_wiser: str = "against",
        min_group: int = 5, show_people: bool = False, progress: Callable[[str], None] | None = None,
    ) -> Validity:
        """How far rankings can be trusted: shuffled answers, yes-bias, thresholds, groups, people, growth, methods.

        Needs votes but no stored ranking. Of more than 200 contexts a fixed 200 are looked at, and `notes` says so.

        Args:
            context: A context by id or text; all of them by default.
            shuffles: How often the answers of a context are shuffled.
            orders: In how many random orders participants are added.
            not_wiser: `against` or `tie`, as in `rank`.
            min_group: The fewest people whose answers may show.
            show_people: Whether the pseudonyms of careless voters are in the report.
            progress: Called with a few words before each part.

        Raises:
            NotFoundError: If there is no such context.
            RankingError: If there are no votes (in the context).
        """
        return ranked.validate(
            self.store, None if context is None else self.context(context), shuffles=shuffles, orders=orders,
            not_wiser=not_wiser, min_group=min_group, show_people=show_people, progress=progress)

    def structure(self, context: str | None = None, *, not_wiser: str = "against") -> Structure:
        """Where the answers support an order of the values, and where not: components, circles, cyclicity, triangles.

        It looks at the answers on each pair alone, and needs no ranking.

        Args:
            context: A context by id or text; all that have answers by default.
            not_wiser: `against` or `tie`, as in `rank`.

        Raises:
            NotFoundError: If there is no such context.
        """
        return ranked.structure(self.store, None if context is None else self.context(context), not_wiser)

    def upgrade_path(self, context: str, from_card: str, to_card: str) -> UpgradePath:
        """The chain of wiser edges between two cards whose weakest link is strongest, with that link named.

        Args:
            context: A context by id or text.
            from_card: The card to start from, by id or title; a duplicate stands for its canonical card.
            to_card: The card to end at.

        Raises:
            NotFoundError: If there is no such context or card.
            NotRankedError: If nothing was ranked yet, so that there are no wiser edges.
            InputError: If the two are one card.
        """
        return ranked.upgrade_path(self.store, self.context(context), self.card(from_card), self.card(to_card))

    def report(
        self, out: str | Path, *, contexts: Sequence[str] = (), svg: str | Path | None = None,
        method: str = "bradley-terry", edge_rule: str = "mai-2023", not_wiser: str = "against", variable: str = "",
        most: int = 200, validity: bool = True, progress: Callable[[str], None] | None = None,
    ) -> ReportOutcome:
        """Write a report for people: one HTML file that needs nothing else, with a table beside each picture.

        It has the contexts with their winners, for each a picture of who is wiser than whom and one of scores with
        their intervals, what the validity check says, and how clear, adaptable and transparent the graph is. Groups
        of fewer than 5 people are not counted out. An older report at that place is replaced.

        Args:
            out: The HTML file.
            contexts: Contexts to cover, by id or text; all by default.
            svg: A folder for the pictures as SVG files, two for each context.
            method: The ranking to show, with `edge_rule`, `not_wiser` and `variable` as in `rank`.
            edge_rule: See `method`.
            not_wiser: See `method`.
            variable: See `method`.
            most: How many contexts to cover at most: half of them those with most votes, the others those whose
                leading card has the lowest P(top).
            validity: Whether to run the validity check for it, which takes longer than all the rest.
            progress: Called with a few words before each part.

        Raises:
            NotFoundError: If there is no such context.
            NotRankedError: If this ranking was never made.
            ExportError: If a file can't be written, or something else is there.
        """
        from graphengine.ranked.reporting import write_report

        only = [self.context(name).id for name in contexts] or None
        return write_report(
            self.store, Path(out), ranked.ranking_id(method, edge_rule, not_wiser, variable=variable), contexts=only,
            svg=None if svg is None else Path(svg), not_wiser=not_wiser, most=most, validity=validity,
            progress=progress,
        )

    def ask_next(self, n: int = 20, context: str | None = None) -> NextQuestions:
        """The questions (upgrades, and in which direction) whose answers would say most about the winners.

        Any two values that upgrades of a context name may be held against each other, those that nobody was asked about
        among them. One question in five goes to a value with fewer than 5 answers, while there is one. The stored
        ranking's calibration is used; without a ranking one is fitted.

        Args:
            n: How many; fewer come back when nothing is left to learn.
            context: A context by id or text; all of them by default.

        Raises:
            NotFoundError: If there is no such context.
            RankingError: If there are no upgrades, or `n` is below 1.
        """
        return ranked.ask_next(self.store, n, None if context is None else self.context(context))

    def utilities(self, context: str | None = None) -> pa.Table:
        """The ranked cards of a context as texts with their Bradley-Terry score, people's utility of them.

        Args:
            context: By id or text; all of them by default.

        Returns:
            `graphengine.preferences.utilities.UTILITIES`. Scores of two `component`s can't be compared.

        Raises:
            NotFoundError: If there is no such context.
            NotRankedError: If the graph was never ranked by bradley-terry.
            InputError: If no ranked card has a text.
        """
        from graphengine.errors import InputError
        from graphengine.preferences import Source
        from graphengine.preferences.utilities import card_utilities

        where = None if context is None else self.context(context).id
        found, left_out = card_utilities(Source(**ranked.preference_source(self.store)), where)
        if not found.num_rows:
            told = "".join(f" ({reason}: {number})" for reason, number in left_out.items())
            raise InputError(f"{context or 'the graph'} has no ranked card with a text{told}",
                             hint="import cards with descriptions or policies, and votes: graphengine import")
        return found
