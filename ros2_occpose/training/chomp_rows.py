"""The rows of the paper's Table 4 as switches of one system.

Huang et al., "Occluded Human Body Capture with Self-Supervised Spatial-Temporal Motion Prior",
2022. The eighth row is the seventh, fed true 2D joints: it is judged, not trained.
"""
from __future__ import annotations

from dataclasses import dataclass

from .ablation_rows import numbered

SMOOTH = 2.0               # weight of the loss of smoothness


@dataclass(frozen=True, kw_only=True)
class Row:
    """What of the system is there."""

    parts: tuple[str, ...]         # of `CHOMP_PARTS`
    prior: bool = False            # whether it begins with a prior that was trained before
    smooth: bool = False           # whether jitter is part of the loss


# name of a row in the paper -> its parts. What stands for hidden joints is a learned token in all
# rows but the fifth, where it is the constant 0.
ROWS: dict[str, Row] = {
    'temporal': Row(parts=('token',)),
    '+ smoothness loss': Row(parts=('token',), smooth=True),
    '+ spatial': Row(parts=('spatial', 'token')),
    '+ ST layer': Row(parts=('local', 'spatial', 'token')),
    '+ ST layer + prior without token': Row(parts=('local', 'spatial'), prior=True),
    '+ ST layer + prior': Row(parts=('local', 'spatial', 'token'), prior=True),
    '+ ST layer + prior + smoothness loss': Row(parts=('local', 'spatial', 'token'), prior=True,
                                                smooth=True),
}


def row(number: int) -> Row:
    """A row, 1 to 7.

    Raises:
        ConfigError: There is no such row.
    """
    return numbered(ROWS, number)
