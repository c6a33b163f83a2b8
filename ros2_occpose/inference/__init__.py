"""How a network runs; knows nothing about people."""

from __future__ import annotations

from .load import load_session, open_model, shortfall
from .registry import ModelEntry, find_entry, models, own_models
from .session import OpenModel, Session
from .shared import Models

__all__ = [
    'ModelEntry', 'Models', 'OpenModel', 'Session', 'find_entry', 'load_session', 'models',
    'open_model', 'own_models', 'shortfall',
]
