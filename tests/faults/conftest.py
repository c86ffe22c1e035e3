"""The servers of the contracts, each behind its fault proxy."""

from __future__ import annotations

from contracts.engines import dynalite_engine, ministack

__all__ = ["dynalite_engine", "ministack"]  # fixtures
