"""A recording through the live node: which processes, with which parameters.

`launch/replay.launch.py` starts what `plan` says under ros2 launch; this module, run as a program,
starts the same without it (`scripts/replay.sh`).
"""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ..config import LiftingConfig, NodeConfig
from ..errors import ConfigError, OccposeError
from ..inference import open_model
from ..lifting import load_lifter
from ..parameter_file import load_overrides
from ..recording.bag import BagSource
from ..recording.source import SourceOptions, open_source
from ..types import CameraPoseSource
from .replay_arguments import ARGUMENTS, NODE, parser
from .running import use_dds_profile

PACKAGE = 'ros2_occpose'
STOP_S, POLL_S = 10.0, 0.2
PATIENCE_S = 5.0            # for a camera pose that has been sent already
IMAGE, INFO = '/camera/image', '/camera/camera_info'        # of recordings that name no topics


@dataclass(frozen=True)
class Process:
    """One node to be started."""

    executable: str                             # also the module in ros2_occpose.ros
    name: str
    parameters: dict[str, Any]
    remappings: dict[str, str]
    files: list[str] = field(default_factory=list)      # parameter files, before `parameters`


def plan(recording: Path, given: Mapping[str, str]) -> list[Process]:
    """The live node, a recorder if wanted, and the player, which ends last by itself.

    Args:
        recording: Bag, video or image folder.
        given: Values for ARGUMENTS.

    Raises:
        OccposeError: The recording cannot be read, or an argument cannot work.
    """
    values = {name: given.get(name, default) for name, (default, _) in ARGUMENTS.items()}
    numbers = _numbers(values)
    if lifter := values['lifter'] or _lifter_in_file(values):
        # Else the player waits for a node that cannot start.
        load_lifter(LiftingConfig(lifter=lifter), partial(open_model, device='cpu'))
    mount = tuple(numbers['camera_mount'])
    source = open_source(recording, SourceOptions(
        camera_file=Path(values['camera']) if values['camera'] else None,
        hfov_deg=numbers['hfov'] or None, image_topic=values['image_topic'] or None,
        pose_topic=values['pose_topic'] or None, world_frame=values['world_frame'] or None))
    topics = _topics(source)
    lossless = values['lossless'].lower() == 'true'
    pose_source = source.topics.pose_source if isinstance(source, BagSource) else (
        CameraPoseSource.NONE)
    if pose_source is CameraPoseSource.NONE and mount:
        pose_source = CameraPoseSource.STATIC
    node: dict[str, Any] = {
        'use_sim_time': True, 'camera_pose': pose_source.name.lower(),
        'world_frame': source.frame_id if pose_source.value > CameraPoseSource.STATIC.value else (
            values['world_frame'] or NodeConfig.world_frame)}
    if isinstance(source, BagSource) and source.topics.compressed:
        node['image_transport'] = 'compressed'
    node |= {'camera_mount': list(mount)} if mount else {}
    node |= {'device': values['device']} if values['device'] else {}
    node |= {'lifting.lifter': values['lifter']} if values['lifter'] else {}
    if values['meshes']:
        node['publish.shapes.meshes'] = values['meshes'].lower() == 'true'
    if lossless:
        node['pose_timeout_s'] = PATIENCE_S
        node |= {f'qos_overrides.{topic}.subscription.reliability': 'reliable'
                 for topic in _reliable(topics, node, pose_source)}
    player = {
        'input': str(recording.absolute()), 'sim_time': True, 'lossless': lossless,
        'loop': values['loop'].lower() == 'true', 'camera': values['camera'],
        'image_topic': values['image_topic'], 'pose_topic': values['pose_topic'],
        'world_frame': values['world_frame'], 'hfov_deg': numbers['hfov'],
        'recorders': int(bool(values['output'])),
        **{name: numbers[name] for name in ('rate', 'start', 'seconds')}}
    if values['camera']:
        player['camera'] = str(Path(values['camera']).absolute())
    found = [Process('pose_node', NODE, node, topics,
                     [values['params_file']] if values['params_file'] else [])]
    if values['output']:
        found.append(Process('record_node', 'record', {
            'use_sim_time': True, 'output': str(Path(values['output']).absolute()),
            'reproducible': lossless}, topics))
    return [*found, Process('play_node', 'play', player, topics)]


def _lifter_in_file(values: Mapping[str, str]) -> str | None:
    """The lifter that the parameter file names for the node, if any."""
    if not values['params_file']:
        return None
    node = '/'.join(['', *filter(None, values['namespace'].split('/')), NODE])
    return load_overrides(Path(values['params_file']), node).get('lifting.lifter')


def _numbers(values: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ('rate', 'start', 'seconds', 'hfov'):
        try:
            found[name] = float(values[name] or 0)
        except ValueError as error:
            raise ConfigError(f'Expected a number for {name}, got {values[name]!r}.') from error
    words = values['camera_mount'].replace(',', ' ').strip('[] ').split()
    try:
        found['camera_mount'] = [float(word) for word in words]
    except ValueError as error:
        raise ConfigError('Expected numbers for camera_mount, got '
                          f'{values["camera_mount"]!r}.') from error
    if len(words) not in (0, 7):
        raise ConfigError(f'Expected seven numbers x y z qx qy qz qw for camera_mount, got '
                          f'{values["camera_mount"]!r}.')
    return found


def _topics(source: object) -> dict[str, str]:
    """Names of the topics as they are in the recording."""
    if not isinstance(source, BagSource):
        return {'image': IMAGE, 'camera_info': INFO}
    topics, base = source.topics, source.topics.image_base
    found = {'image': base,
             'camera_info': topics.infos or f'{base.rpartition("/")[0]}/camera_info'}
    if topics.compressed:       # each end resolves this name as a whole
        found['image/compressed'] = f'{base}/compressed'
    if topics.poses is not None and topics.pose_source is not CameraPoseSource.TF:
        found[topics.pose_source.name.lower()] = topics.poses
    return found


def _reliable(topics: Mapping[str, str], node: Mapping[str, Any],
              pose_source: CameraPoseSource) -> list[str]:
    """Topics of which the node must not lose a message."""
    compressed = node.get('image_transport') == 'compressed'
    names = ['image/compressed' if compressed else 'image', 'camera_info']
    if pose_source in (CameraPoseSource.POSE, CameraPoseSource.ODOMETRY):
        names.append(pose_source.name.lower())
    return [topics[name] for name in names]


# --- without ros2 launch ----------------------------------------------------------------------

def main(arguments: list[str] | None = None) -> int:
    """Start all, wait for the player, stop the others; 0 if the player ended by itself."""
    given = vars(parser().parse_args(arguments))
    try:
        processes = plan(given.pop('recording'), given)
    except OccposeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    use_dds_profile()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='occpose_replay_')))
        *others, player = [_start(stack, process, given, folder) for process in processes]
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, lambda *_: player.send_signal(signal.SIGINT))
        code = _wait(player, others)
        for process in reversed(others):        # the recorder first: it has all by now
            code = _stop(process) or code
    return code


def _wait(player: subprocess.Popen[bytes], others: list[subprocess.Popen[bytes]]) -> int:
    """The exit code of the player; without the others there is nothing to play for."""
    while True:
        try:
            return player.wait(POLL_S)
        except subprocess.TimeoutExpired:
            if any(process.poll() is not None for process in others):
                return _stop(player)


def _start(stack: ExitStack, process: Process, given: Mapping[str, str],
           folder: Path) -> subprocess.Popen[bytes]:
    namespace = '/' + given['namespace'].strip('/')
    path = folder / f'{process.name}.yaml'
    path.write_text(yaml.safe_dump({'/**': {'ros__parameters': process.parameters}}))
    rules = {'__ns': namespace, '__node': process.name, **process.remappings}
    words = [f'{old}:={new}' for old, new in rules.items()]
    started = subprocess.Popen([
        sys.executable, '-m', f'{PACKAGE}.ros.{process.executable}', '--ros-args',
        *(word for rule in words for word in ('-r', rule)),
        *(word for file in (*process.files, str(path)) for word in ('--params-file', file)),
        '--log-level', f'{logger_of(namespace, process.name)}:={given["log_level"]}'],
        start_new_session=True, env=os.environ)         # Ctrl-C reaches them through us
    stack.callback(_stop, started)
    return started


def logger_of(namespace: str, name: str) -> str:
    """Name of a node's logger."""
    return '.'.join([*namespace.strip('/').split('/'), name]).lstrip('.')


def _stop(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a process that is told to stop."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


if __name__ == '__main__':
    sys.exit(main())
