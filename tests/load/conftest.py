"""Whole loads use the servers of the contracts."""

from __future__ import annotations

from contracts.engines import dynalite_engine, ministack

__all__ = ["dynalite_engine", "ministack"]  # fixtures
