"""What the pipeline says about a recording: replayed now, or written down by an earlier run."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from ...errors import DataError, InputError
from ...recording.poses_jsonl import read_jsonl
from ...types import CameraPoseSource, Frame, People, TrackState
from .references import believed
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
        yield Said(stamp_ns=frame.stamp_ns, ids=people.tracks.ids[known],
                   joints=people.joints[known], spent_ms=spent_ms)


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
                             ids=np.array([int(name) for name in names], int)))
            frame_id = frame['frame_id']
            upright = frame['camera_pose'] != CameraPoseSource.NONE.name
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise DataError(f'Expected lines as in poses.jsonl in {path}, got a problem with '
                        f'{error}.') from error
    if not said:
        raise DataError(f'Expected frames in {path}, got none.')
    return said, frame_id, upright
