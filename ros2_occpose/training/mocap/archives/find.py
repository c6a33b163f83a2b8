"""The archives that lie below a data folder."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..motion import FPS, SPLITS, Motion
from .amass import read_amass
from .clip import RealClip
from .human36m import read_human36m, read_human36m_clips
from .mpi_inf_3dhp import read_mpi_inf_3dhp, read_mpi_inf_3dhp_clips
from .ocmotion import read_ocmotion
from .threedpw import read_threedpw, read_threedpw_clips

# folder below --data -> reader of its movements, and of what its cameras saw
READERS = {
    'amass': read_amass, 'human36m': read_human36m, '3dpw': read_threedpw,
    'mpi_inf_3dhp': read_mpi_inf_3dhp, 'ocmotion': read_ocmotion,
}
CLIP_READERS = {
    'human36m': read_human36m_clips, '3dpw': read_threedpw_clips,
    'mpi_inf_3dhp': read_mpi_inf_3dhp_clips,
}


def find(data: Path, splits: tuple[str, ...] = SPLITS) -> Iterator[Motion]:
    """The movements of all archives below `data` that last a second, in a fixed order.

    Raises:
        DataError: A file of an archive is missing, damaged or of another layout.
    """
    for name, read in READERS.items():
        if (data / name).is_dir():
            for motion in read(data / name, splits):
                if len(motion) >= FPS:
                    yield motion


def find_clips(data: Path, splits: tuple[str, ...] = ('test',)) -> Iterator[RealClip]:
    """What the cameras of all archives below `data` saw, in a fixed order.

    Raises:
        DataError: A file of an archive is missing, damaged or of another layout.
    """
    for name, read in CLIP_READERS.items():
        if (data / name).is_dir():
            yield from read(data / name, splits)
