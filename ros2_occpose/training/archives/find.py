"""The archives that lie below a data folder."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..motion import SPLITS, Motion
from .amass import read_amass
from .human36m import read_human36m
from .mpi_inf_3dhp import read_mpi_inf_3dhp
from .ocmotion import read_ocmotion
from .threedpw import read_threedpw

# folder below --data -> reader of its movements
READERS = {
    'amass': read_amass, 'human36m': read_human36m, '3dpw': read_threedpw,
    'mpi_inf_3dhp': read_mpi_inf_3dhp, 'ocmotion': read_ocmotion,
}


def find(data: Path, splits: tuple[str, ...] = SPLITS) -> Iterator[Motion]:
    """The movements of all archives below `data`, in a fixed order.

    Raises:
        DataError: A file of an archive is missing, damaged or of another layout.
    """
    for name, read in READERS.items():
        if (data / name).is_dir():
            yield from read(data / name, splits)
