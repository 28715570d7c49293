"""What `MoralGraph` offers about value targets: drawn from its contexts, stored, exported beside the votes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.answers import ExportOutcome
from graphengine.ranked import valuing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphengine.answers import ContextRef
    from graphengine.preferences import Form, Rows, Source
    from graphengine.schwartz.bridge import CardVectors, Drawn
    from graphengine.schwartz.target import Target
    from graphengine.store.base import Store


class Valuing:
    """The part of a moral graph that deals with value targets; `MoralGraph` is what people use."""

    store: Store
    context: Callable[[str], ContextRef]
    export_preferences: Callable[..., ExportOutcome]

    def draw_targets(
        self, vectors: CardVectors, contexts: Sequence[str] = (), *, ranking_id: str = "bradley-terry",
        keep: bool = True,
    ) -> tuple[list[Drawn], dict[str, str]]:
        """Draw a value target from each context: its cards' vectors weighted by P(top); and one of all together.

        Args:
            vectors: Of the graph's canonical cards (`graphengine.schwartz.bridge.CardVectors`).
            contexts: By id or text; all by default.
            ranking_id: Whose P(top).
            keep: Whether to store the targets in the graph, in the place of those of the same name.

        Returns:
            The targets; and why a context has none, by its text (with its id where two have one text).

        Raises:
            NotFoundError: If there is no such context.
            NotRankedError: If there is no such ranking.
            InputError: If the vectors are of other cards, or no context has a target.
        """
        only = [self.context(name).id for name in contexts] or None
        drawn, without = valuing.draw_targets(self.store, vectors, ranking_id, only)
        if keep:
            self.keep_targets(drawn, ranking_id)
        return drawn, without

    def keep_targets(self, drawn: Sequence[Drawn], ranking_id: str = "bradley-terry") -> None:
        """Store targets that were drawn from contexts, tied to these, in the place of those of the same name."""
        valuing.store_drawn(self.store, drawn, ranking_id)

    def targets(self) -> list[dict[str, Any]]:
        """The value targets in the graph: `name`, `target`, `contexts`, `stale`, `evaluator`, `parts` and more."""
        return valuing.stored(self.store)

    def target(self, name: str) -> Target:
        """A value target of the graph by name, else a preset, else from a file.

        Raises:
            InputError: If there is none.
        """
        return valuing.find_target(self.store, name)

    def add_target(self, target: Target) -> None:
        """Store a value target that came from elsewhere: a survey, a file.

        Raises:
            InputError: If the graph has one of that name that was drawn from its contexts.
        """
        valuing.store_target(self.store, target)

    def forget_target(self, name: str) -> None:
        """Take a value target out.

        Raises:
            NotFoundError: If there is none of that name.
        """
        from graphengine.store import targets

        targets.drop(self.store, name)

    def export_valued(
        self, out: str | Path, vectors: CardVectors, targets: Mapping[str, Target], *, margin: str = "graph",
        scale: float = 1.0, distance: str = "weighted", form: Form | None = None, force: bool = False,
        command: str = "",
    ) -> ExportOutcome:
        """Write pairs of cards that carry both: what the votes say, and how far each card is from a value target.

        Args:
            out: The folder.
            vectors: Of the graph's canonical cards.
            targets: The target of each context by its id, or one for all under "".
            margin: Whose margin stands in `margin`: `graph`, `target` or `both`.
            scale: By what the target's margin is multiplied where both count.
            distance: One of `graphengine.schwartz.distance.DISTANCES`.
            form: How it is written.
            force: Replace an earlier export.
            command: For the dataset card.

        Raises:
            NotRankedError: If the graph was never ranked.
            InputError: If a target is in another system than the vectors, or a name is unknown.
            ExportError: If no pair is left, or the place is taken.
        """
        from graphengine.preferences import Form as AnyForm
        from graphengine.preferences.valued import Valuing as How
        from graphengine.preferences.valued import valued_rows

        how, made = How(vectors, targets, margin, scale, distance), form or AnyForm()

        def more(source: Source) -> list[Rows]:
            return [valued_rows(source, how, made)]

        return self.export_preferences(out, form=made, more=more, force=force, command=command)
