"""The graph model as py2neo object classes, for reading a graph on a Neo4j server as Python objects.

```python
from py2neo.ogm import Repository
from graphengine.interop.objects import Context, ValuesCard

graph = Repository("bolt://localhost:7687", auth=("neo4j", "…"))
for card in graph.get(Context, "When grieving").ranked:
    print(card.title, [wiser.title for wiser in card.wiser])
```

A collection holds each neighbour once, also where several relationships lead to it: of a card that is wiser in three
contexts, `wiser` holds one. What is saved through these classes bypasses graphengine's checks and content hashes.

Raises:
    MissingExtraError: On import, if py2neo is not installed.
"""

from __future__ import annotations

from graphengine.errors import MissingExtraError

try:
    from py2neo.ogm import Model, Property, RelatedFrom, RelatedTo
except ImportError:
    raise MissingExtraError.of("py2neo", "py2neo") from None


class Scenario(Model):
    """A situation in which it is unclear how to behave."""

    __primarykey__ = "id"

    id = Property()
    text = Property()
    image = Property()

    contexts = RelatedTo("Context", "RAISES")


class Context(Model):
    """What matters morally in a scenario."""

    __primarykey__ = "id"

    id = Property()
    text = Property()

    scenarios = RelatedFrom("Scenario", "RAISES")
    upgrades = RelatedFrom("Upgrade", "IN_CONTEXT")
    ranked = RelatedFrom("ValuesCard", "RANKED_IN")


class User(Model):
    """A participant, known by a pseudonym."""

    __primarykey__ = "id"

    id = Property()

    voted = RelatedTo("Upgrade", "VOTED")
    voted_before = RelatedTo("Upgrade", "VOTED_BEFORE")
    articulated = RelatedTo("ValuesCard", "ARTICULATED")
    groups = RelatedTo("Group", "MEMBER_OF")


class Group(Model):
    """A value of a demographic variable."""

    __primarykey__ = "id"

    id = Property()
    variable = Property()
    value = Property()

    members = RelatedFrom("User", "MEMBER_OF")


class ValuesCard(Model):
    """A value: attention policies used together."""

    __primarykey__ = "id"

    id = Property()
    title = Property()
    description = Property()
    policies = Property()

    authors = RelatedFrom("User", "ARTICULATED")
    canonical = RelatedTo("ValuesCard", "DUPLICATE_OF")
    duplicates = RelatedFrom("ValuesCard", "DUPLICATE_OF")
    wiser = RelatedTo("ValuesCard", "WISER")
    less_wise = RelatedFrom("ValuesCard", "WISER")
    ranked_in = RelatedTo("Context", "RANKED_IN")
    upgrades_from = RelatedFrom("Upgrade", "FROM_CARD")
    upgrades_to = RelatedFrom("Upgrade", "TO_CARD")


class Upgrade(Model):
    """A question put to a vote: in this context, is the second card wiser than the first?"""

    __primarykey__ = "id"

    id = Property()
    story = Property()

    context = RelatedTo("Context", "IN_CONTEXT")
    from_card = RelatedTo("ValuesCard", "FROM_CARD")
    to_card = RelatedTo("ValuesCard", "TO_CARD")
    voters = RelatedFrom("User", "VOTED")
