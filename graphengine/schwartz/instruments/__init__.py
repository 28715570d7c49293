"""Survey instruments: from files of answers to scores of values, with what makes one survey differ from another."""

from __future__ import annotations
