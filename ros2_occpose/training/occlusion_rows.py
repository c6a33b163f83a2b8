"""The rows of the paper's Table 2 as switches of one system: each row is the one before plus one.

Cheng et al., "Occlusion-Aware Networks for 3D Human Pose Estimation in Video", ICCV 2019.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..errors import ConfigError
from ..lifting.network_config import PARTS
from .ablation_rows import numbered
from .views.raw import DEFAULT_CONFIDENCE, MEASURED, Confidence

THRESHOLD = 0.3        # b: joints with a lower score are removed
# How often a detector notices that a joint is hidden, by the names that commands know.
CONFIDENCES: dict[str, Confidence] = {'assumed': DEFAULT_CONFIDENCE, 'measured': MEASURED}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What of the system is there, in the order of the table; the 3D TCN always is."""

    denoise: bool = True           # the 2D TCN
    aware: bool = True             # joints below the threshold are removed
    symmetry: bool = True          # both sides of a body are as long
    adversary: bool = True         # a discriminator judges the poses
    regularise: bool = True        # unreliable joints should be hidden (Cylinder Man)
    augment: bool = True           # virtual views, with masks

    def __post_init__(self) -> None:
        if self.regularise and not self.aware:
            raise ConfigError('Expected aware with regularise: without it no joint is unreliable; '
                              'leave both out with --without aware,regularise.')

    def without(self, names: Iterable[str]) -> Parts:
        """The same but for some parts.

        Raises:
            ConfigError: There is no such part, or another one needs it.
        """
        chosen = list(names)
        for name in chosen:
            if name not in PARTS:
                raise ConfigError(f'Unknown part {name!r} of occlusion_aware; expected one of '
                                  f'{", ".join(PARTS)} for --without.')
        return replace(self, **dict.fromkeys(chosen, False))

    def names(self) -> tuple[str, ...]:
        """Of the parts that are there."""
        return tuple(name for name in PARTS if getattr(self, name))

    @staticmethod
    def named(names: Iterable[str]) -> Parts:
        """Those and no others."""
        return Parts(**{name: name in set(names) for name in PARTS})


# name of a row in the paper -> its parts
ROWS: dict[str, Parts] = {
    title: Parts.named(PARTS[:number]) for number, title in enumerate((
        '3D TCN', '+ 2D TCN', '+ occlusion awareness', '+ symmetry', '+ adversarial',
        '+ pose regularisation', '+ augmentation'))}


def row(number: int) -> Parts:
    """The parts of a row, 1 to 7.

    Raises:
        ConfigError: There is no such row.
    """
    return numbered(ROWS, number)


def chosen_parts(number: int | None, left_out: Sequence[str]) -> Parts | None:
    """What `--row` and `--without` ask for; None: nothing.

    Raises:
        ConfigError: There is no such row or part.
    """
    if number is None and not left_out:
        return None
    return (Parts() if number is None else row(number)).without(left_out)
