"""Blank example files."""

from __future__ import annotations

_FILES = {
    "votes.csv": """\
participant,context,from_value,to_value,answer,scenario,story,at
p001,When grieving,cheering-up,staying-with,wiser,loss,"Ada used to cheer up; now she stays.",2024-05-31T14:30:00Z
p002,When grieving,cheering-up,staying-with,not_wiser,loss,,2024-05-31T14:32:00Z
p003,When grieving,cheering-up,staying-with,unsure,loss,,2024-05-31T14:40:00Z
""",
    "votes-wide.csv": """\
participant,at,Q1,Q2
p001,2024-05-31T14:30:00Z,Yes,No
p002,2024-05-31T14:32:00Z,Not sure,
""",
    "map.toml": """\
# For votes-wide.csv: which upgrade does each question ask about?
[columns]
participant = "participant"
at = "at"

[answers]
"Yes" = "wiser"
"No" = "not_wiser"
"Not sure" = "unsure"

# Group variables are stored only if you name them here: age = "column of the file"
[groups]

[wide]
"Q1" = {context = "When grieving", from = "cheering-up", to = "staying-with"}
"Q2" = {context = "When grieving", from = "staying-with", to = "making-room"}
""",
    "cards.csv": """\
id,title,description,policies,author,duplicate_of
cheering-up,Cheering up,Bring light.,MOMENTS when a smile comes back|THINGS the person used to enjoy,p001,
staying-with,Staying with,Be there without fixing.,SILENCES that can be shared|FEELINGS that ask to be named,p002,
making-room,Making room,Give grief its time.,SIGNS that the person needs rest|RITUALS that carry,p003,
being-there,Being there,,SILENCES that can be shared,p003,staying-with
""",
    "scenarios.csv": """\
id,text,image,contexts
loss,My father died last week. How do I get through this?,,When grieving
""",
    "contexts.csv": """\
id,text
,When grieving
""",
}


def templates() -> dict[str, str]:
    """Example files by name, to fill in.

    `votes.csv`, `cards.csv`, `scenarios.csv` and `contexts.csv` need no mapping; `votes-wide.csv` (a survey export with
    one column per question) comes with its `map.toml`.

    Example:
        >>> templates()["contexts.csv"].splitlines()[0]
        'id,text'
    """
    return dict(_FILES)
