"""Whether stated uncertainty is the one that is found.

A std is that of an isotropic Gaussian in three dimensions, so the length of an error divided by
the std follows a chi distribution with three degrees of freedom.
"""
from __future__ import annotations

import numpy as np
from scipy.stats import chi

from ..types import Floats

STATED = np.linspace(0.05, 0.95, 19)             # shares at which curves are drawn


def share_within(ratio: Floats, radius: float) -> float:
    """Part of the errors that are at most `radius` std long, 0..1; NaN of none.

    Args:
        ratio: Length of each error divided by its std, of any shape.
        radius: In std.
    """
    return float((ratio <= radius).mean()) if ratio.size else float('nan')


def found_shares(ratio: Floats) -> Floats:
    """Part of the errors found within the radii that should hold `STATED` of them, (19,)."""
    return np.array([share_within(ratio, radius) for radius in chi.ppf(STATED, df=3)])
