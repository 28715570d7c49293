"""Value targets on tables of scores: systems of values, instruments, targets, distances. No torch, no store."""

from __future__ import annotations
