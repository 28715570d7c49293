"""What reads or writes text: a chat client, a generator on this machine, a tiny model made on the spot.

Nothing here loads torch, transformers or openai before it is needed. Importing the room has one effect, on the
environment of the process (`offline`): the libraries of Hugging Face fetch nothing and tell nobody what they do, unless
the user said otherwise.
"""

from __future__ import annotations

from graphengine.models.offline import stay_offline

stay_offline()
