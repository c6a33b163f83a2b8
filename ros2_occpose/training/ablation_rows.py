"""Rows of an ablation by number, as papers count them."""
from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..errors import ConfigError

T = TypeVar('T')


def numbered(rows: Mapping[str, T], number: int) -> T:
    """A row, 1 for the first.

    Raises:
        ConfigError: There is no such row.
    """
    if not 1 <= number <= len(rows):
        raise ConfigError(f'Expected a row of 1 to {len(rows)} for --row, got {number}.')
    return list(rows.values())[number - 1]
