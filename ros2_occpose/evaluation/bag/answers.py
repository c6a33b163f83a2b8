"""What the pipeline says about a recording: replayed now, or written down by an earlier run."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from ...errors import DataError, InputError
from ...recording.poses_jsonl import read_jsonl
from ...types import CameraPoseSource, Floats, Frame, People, TrackState
from .references import believed, stds_of
from .skeletons import Said


def replay(frames: Iterable[Frame], pipeline: Callable[[Frame], People]) -> Iterator[Said]:
    """Run every frame as `occpose run` does; an image that comes twice is left out."""
    last_ns = None
    for frame in frames:
        if frame.stamp_ns == last_ns:
            continue
        last_ns = frame.stamp_ns
        start = perf_counter()
        people = pipeline(frame)
        spent_ms = (perf_counter() - start) * 1e3
        known = np.isin(people.tracks.states, (TrackState.TRACKED, TrackState.OCCLUDED))
        pose = frame.world_from_camera
        yield Said(stamp_ns=frame.stamp_ns, ids=people.tracks.ids[known],
                   joints=people.joints[known], spent_ms=spent_ms,
                   covariance=people.joint_covariance[known],
                   eye=np.zeros(3) if pose is None else pose[:3, 3])


def read_answers(path: Path) -> tuple[list[Said], str, bool]:
    """What a `poses.jsonl` of a run or of the live node says.

    Returns:
        The frames, the frame of reference of their positions, and whether z is up there.

    Raises:
        DataError: It is not such a file, or says nothing.
    """
    said, frame_id, upright = [], '', False
    try:
        for frame in read_jsonl(path):
            names, joints, _ = believed(frame)
            said.append(Said(stamp_ns=frame['stamp_ns'], joints=joints,
                             ids=np.array([int(name) for name in names], int),
                             covariance=_isotropic(stds_of(frame))))
            frame_id = frame['frame_id']
            upright = frame['camera_pose'] != CameraPoseSource.NONE.name
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise DataError(f'Expected lines as in poses.jsonl in {path}, got a problem with '
                        f'{error}.') from error
    if not said:
        raise DataError(f'Expected frames in {path}, got none.')
    return said, frame_id, upright


def _isotropic(std: Floats) -> Floats:
    """(N, 17) to (N, 17, 3, 3)."""
    return np.asarray((std ** 2)[..., None, None] * np.eye(3))
