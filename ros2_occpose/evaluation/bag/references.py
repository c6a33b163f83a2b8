"""Skeletons that are taken for true, from files and from a topic of the bag."""
from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import ConfigError, DataError, InputError
from ...recording.bag import open_bag
from ...recording.humans import Json
from ...recording.messages import PACKAGE, Message
from ...recording.poses_jsonl import read_jsonl
from ...skeleton import H36M17, Skeleton, skeleton_named
from ...types import Floats, Ints, JointState, TrackState
from .markers import Table, metres, people_of, read_csv, read_trc
from .skeletons import SECOND_NS, Reference, in_order, states_to_h36m, to_h36m

TOPIC_TYPE = f'{PACKAGE}/msg/HumanArray'
TRUTH = 'truth'
SUFFIXES = ('.trc', '.csv', '.jsonl', '.npz')
_NPZ_ABOUT = ('stamps_ns', 'fps', 'skeleton', 'joint_states', 'frame_id')
_NPZ_JOINTS = ('joints_world', 'joints', 'xyz_world_m', 'joints_camera')

Row = tuple[int, list[str], Floats, Ints | None]


def read_reference(paths: Sequence[Path], *, fps: float | None = None,
                   unit: str | None = None) -> Reference:
    """One file, or several that hold a person each.

    Args:
        paths: TRC, CSV, JSON lines or NPZ.
        fps: Frame rate of files without times.
        unit: 'm', 'cm' or 'mm' of files that do not say.

    Raises:
        DataError: A file cannot be used, or several are not of the same frames.
    """
    parts = [_read(path, fps, unit) for path in paths]
    first = parts[0]
    for path, part in zip(paths[1:], parts[1:]):
        if not np.array_equal(part.stamps_ns, first.stamps_ns) or part.states is not None:
            raise DataError(
                f'Expected {path.name} to have the frames of {paths[0].name}, and no states of '
                'joints, as files of one person each do; got others; give one file.')
    names = [name for part in parts for name in part.people]
    if len(set(names)) < len(names):
        names = [f'{path.stem}/{name}' for path, part in zip(paths, parts) for name in part.people]
    if len(parts) == 1:
        return first
    return replace(first, people=tuple(names), notes=[n for part in parts for n in part.notes],
                   joints=np.concatenate([part.joints for part in parts], axis=1))


def _read(path: Path, fps: float | None, unit: str | None) -> Reference:
    if not path.is_file():
        raise DataError(f'Expected {TRUTH}, or a file of reference skeletons ('
                        f'{", ".join(SUFFIXES)}), got {path}, which does not exist.')
    match path.suffix.lower():
        case '.trc':
            return _from_table(read_trc(path), path, 'TRC', fps, unit)
        case '.csv':
            return _from_table(read_csv(path), path, 'CSV', fps, unit)
        case '.jsonl':
            return read_poses(path)
        case '.npz':
            return _from_npz(path, fps)
        case suffix:
            raise DataError(f'Expected a reference that ends in {", ".join(SUFFIXES)}, got '
                            f'{suffix!r} in {path}.')


def _from_table(table: Table, path: Path, kind: str, fps: float | None,
                unit: str | None) -> Reference:
    people = people_of(table, path.stem)
    if not people:
        raise DataError(f'Expected labels such as RKnee or left_hip in {path}, got '
                        f'{", ".join(table.labels[:8])}.')
    skeletons = [to_h36m(points, skeleton) for skeleton, points in people.values()]
    factor, note = metres(skeletons[0], table.unit or unit, path)
    return Reference(
        stamps_ns=_stamps(table.seconds, len(table.points), fps or table.fps, path),
        people=tuple(people), joints=factor * np.stack(skeletons, axis=1), states=None,
        frame_id=None, kind=kind, notes=[note] if note else [])


def _stamps(seconds: Floats | None, frames: int, fps: float | None, path: Path) -> Ints:
    if seconds is None:
        if fps is None:
            raise DataError(f'Expected times or a frame rate in {path}, got neither; give '
                            '--reference-fps HZ.')
        seconds = np.arange(frames) / fps
    if not (np.diff(seconds) > 0).all():
        raise DataError(f'Expected rising times in {path}, got some that do not rise.')
    return np.round(seconds * SECOND_NS).astype(np.int64)


def _from_npz(path: Path, fps: float | None) -> Reference:
    """Arrays `joints_world` (T, P, J, 3) or (T, J, 3), `stamps_ns` or `fps`.

    They may be joined by `skeleton` (else h36m17), `joint_states` (T, P, J) and `frame_id`.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files
                     if name in (*_NPZ_JOINTS, *_NPZ_ABOUT)}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f'Cannot read the reference {path}: {error}.') from error
    names = [name for name in _NPZ_JOINTS if name in found]
    if not names:
        raise DataError(f'Expected one of {", ".join(_NPZ_JOINTS)} in {path}, got none.')
    joints = np.asarray(found[names[0]], float)
    joints = joints[:, None] if joints.ndim == 3 else joints
    skeleton = _skeleton_of(found, joints, path)
    if fps is None and 'fps' in found:
        fps = float(found['fps'])
    seconds = found['stamps_ns'] / SECOND_NS if 'stamps_ns' in found else None
    stamps = _stamps(seconds, len(joints), fps, path)
    states = found.get('joint_states')
    if states is not None:
        states = states_to_h36m(states.reshape(joints.shape[:-1]), skeleton)
    return Reference(stamps_ns=found.get('stamps_ns', stamps), joints=to_h36m(joints, skeleton),
                     people=tuple(str(i) for i in range(joints.shape[1])), states=states,
                     frame_id=str(found['frame_id']) if 'frame_id' in found else None, kind='NPZ')


def _skeleton_of(found: dict[str, np.ndarray], joints: Floats, path: Path) -> Skeleton:
    try:
        skeleton = skeleton_named(str(found['skeleton'])) if 'skeleton' in found else H36M17
    except ConfigError as error:
        raise DataError(f'{path}: {error}') from error
    if joints.ndim != 4 or joints.shape[2:] != (len(skeleton.joints), 3):
        raise DataError(f'Expected joints (T, P, {len(skeleton.joints)}, 3) of {skeleton.name} in '
                        f'{path}, got {joints.shape}; `skeleton` in the file names another set.')
    return skeleton


def read_poses(path: Path) -> Reference:
    """A `poses.jsonl` as `occpose run` writes it; people who are lost or tentative are left out.

    Raises:
        DataError: It is not such a file.
    """
    def rows() -> Iterator[Row]:
        for frame in read_jsonl(path):
            frames.add(frame['frame_id'])
            yield frame['stamp_ns'], *believed(frame)

    frames: set[str] = set()
    try:
        found = in_order(rows(), frame_id=None, kind='JSON lines')
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise DataError(f'Expected lines as in poses.jsonl in {path}, got a problem with '
                        f'{error}.') from error
    return replace(found, frame_id=frames.pop() if len(frames) == 1 else None)


def believed(frame: Json) -> tuple[list[str], Floats, Ints]:
    """Ids, joints (N, 17, 3) and states (N, 17) of one line of a `poses.jsonl`."""
    people = _believed(frame)
    joints = [[[np.nan if x is None else x for x in (joint or (None,) * 3)]
               for joint in human['joints']] for human in people]
    states = [[JointState[name] for name in human['joint_state']] for human in people]
    return ([str(human['id']) for human in people],
            np.array(joints, float).reshape(-1, len(H36M17.joints), 3),
            np.array(states, int).reshape(-1, len(H36M17.joints)))


def stds_of(frame: Json) -> Floats:
    """Std of the joints (N, 17) [m] of the same people; NaN: not said."""
    stds = [[np.nan if x is None else x for x in human.get('joint_std', ())]
            or [np.nan] * len(H36M17.joints) for human in _believed(frame)]
    return np.array(stds, float).reshape(-1, len(H36M17.joints))


def _believed(frame: Json) -> list[Json]:
    return [human for human in frame['humans']
            if human['state'] in (TrackState.TRACKED.name, TrackState.OCCLUDED.name)]


def read_truth(path: Path, topic: str | None = None) -> Reference:
    """A topic of a bag, HumanArray, by default the one called `truth`.

    Raises:
        InputError: The bag cannot be read, or has no such topic.
        DataError: It holds nobody.
    """
    with open_bag(path) as reader:
        topics = sorted({c.topic for c in reader.connections
                         if c.msgtype == TOPIC_TYPE and c.msgcount})
        usable = [t for t in topics if t == topic or (topic is None and _is_truth(t))]
        if len(usable) != 1:
            raise InputError(
                f'Expected one topic {topic or TRUTH} with {TOPIC_TYPE} in {path}, got '
                f'{", ".join(topics) or "none of this type"}; choose with --reference-topic.')
        wanted = [c for c in reader.connections if c.topic == usable[0]]
        frames, rows = set(), []
        for connection, _, data in reader.messages(wanted):
            message: Message = reader.deserialize(data, connection.msgtype)
            frames.add(str(message.header.frame_id))
            rows.append(_row(message))
    return in_order(rows, kind=f'topic {usable[0]}',
                    frame_id=frames.pop() if len(frames) == 1 else None)


def _is_truth(topic: str) -> bool:
    return topic.rpartition('/')[2] == TRUTH


def _row(message: Message) -> Row:
    skeleton = skeleton_named(message.skeleton or H36M17.name)
    people = [human for human in message.humans
              if human.state in (TrackState.TRACKED, TrackState.OCCLUDED)]
    points = [[(j.position.x, j.position.y, j.position.z) for j in human.joints]
              for human in people]
    states = [[j.state for j in human.joints] for human in people]
    shape = (len(people), len(skeleton.joints))
    stamp = message.header.stamp
    return (stamp.sec * SECOND_NS + stamp.nanosec, [str(human.id) for human in people],
            to_h36m(np.array(points, float).reshape(*shape, 3), skeleton),
            states_to_h36m(np.array(states, int).reshape(shape), skeleton))
