"""No download and no telemetry, unless the user asks for them.

The libraries read these variables when they are imported, so they must be set before. Trainers of TRL send a ping each
time one is made; `HF_HUB_DISABLE_TELEMETRY` ends that. To download a model, say so: `HF_HUB_OFFLINE=0`.
"""

from __future__ import annotations

import os

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",  # its threads and our worker processes don't go together
}
"""What is set where the user has not set it."""


def stay_offline() -> None:
    """Set `QUIET` for this process, where the user has not said otherwise.

    Example:
        >>> import os
        >>> stay_offline()
        >>> os.environ["HF_HUB_DISABLE_TELEMETRY"]
        '1'
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
