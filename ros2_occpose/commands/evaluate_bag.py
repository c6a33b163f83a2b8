"""`occpose evaluate bag`: a recording through the pipeline, against skeletons taken for true."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .options import add_pipeline_options, add_source_options, pipeline_config, source_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..evaluation.bag.comparison import Options
    from ..evaluation.bag.skeletons import Reference, Said

Json: TypeAlias = Any

ABOUT = 'all metrics of a recording against reference skeletons'
_TRUTH = 'truth'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('input', type=Path, metavar='BAG',
                        help='rosbag2 (sqlite3, mcap), video file or image folder to replay; or '
                        'the poses.jsonl of an earlier run, then nothing is replayed')
    parser.add_argument('--reference', required=True, nargs='+', metavar='FILE|truth',
                        help='skeletons: .trc, .csv (made from C3D), .jsonl (poses.jsonl), .npz; '
                        'several files of one person each; or truth, a HumanArray in the bag')
    parser.add_argument('--output', type=Path, required=True, metavar='DIR',
                        help='folder of results.json, results.md and plots')
    group = parser.add_argument_group('reference')
    group.add_argument('--reference-topic', metavar='TOPIC',
                       help='with truth: its topic (default: the one called truth)')
    group.add_argument('--reference-fps', type=float, metavar='HZ',
                       help='frame rate of a file without times')
    group.add_argument('--reference-unit', choices=('m', 'cm', 'mm'),
                       help='unit of a file that does not say')
    group.add_argument('--max-shift', type=float, metavar='S',
                       help='largest clock offset of the reference; 0: same clock '
                       '(default: 0.5, or 0 if the reference names its frame)')
    group.add_argument('--align', choices=('auto', 'none', 'rigid'), default='auto',
                       help='auto: one rigid motion, unless the reference says that its frame is '
                       "the recording's (default: auto)")
    group.add_argument('--gate', type=float, metavar='M',
                       help='largest distance of hips that match (default: 1)')
    add_source_options(parser)
    add_pipeline_options(parser)


def run(args: argparse.Namespace) -> None:
    """Replay, compare, write.

    Raises:
        OccposeError: The recording, the reference, an option or a model cannot be used.
    """
    import json

    import motmetrics  # noqa: F401    (said to be missing before the long replay, not after)

    from ..evaluation.bag.comparison import compare
    from ..evaluation.bag.plots import draw_all
    from ..evaluation.bag.report import markdown, notes, results
    from ..recording.machine import machine, source_commit, versions

    options, reference = _options(args), _reference(args)
    said, frame_id, upright, heard = _answers(args)
    found = compare(said, frame_id, reference, options)
    assumed = [*heard, *notes(found)]
    args.output.mkdir(parents=True, exist_ok=True)
    report = {'command': _command(args), 'recording': args.input.name, 'commit': source_commit(),
              'machine': machine(), 'versions': versions(), 'notes': assumed,
              **results(found)}
    (args.output / 'results.json').write_text(json.dumps(report, indent=1, allow_nan=False) + '\n')
    tables = markdown(found, assumed, {
        'Command': f'`{report["command"]}`', 'Commit': report['commit'],
        'Machine': f'{report["machine"]["cpu"]}, {report["machine"]["cores"]} cores'})
    (args.output / 'results.md').write_text(tables)
    draw_all(found, args.output, upright=upright)
    print(tables)
    print(f'The figures and plots are in {args.output}.')


def _options(args: argparse.Namespace) -> Options:
    from ..errors import ConfigError
    from ..evaluation.bag.comparison import Options

    for name in ('gate', 'reference_fps'):
        value = getattr(args, name)
        if value is not None and not value > 0:
            raise ConfigError(f'Expected a positive number for --{name.replace("_", "-")}, '
                              f'got {value:g}.')
    if args.max_shift is not None and not args.max_shift >= 0:
        raise ConfigError(f'Expected 0 or more seconds for --max-shift, got {args.max_shift:g}.')
    gate = {} if args.gate is None else {'gate_m': args.gate}
    return Options(max_shift_s=args.max_shift, align=args.align,
                   remembered_s=pipeline_config(args).tracking.max_gap_s, **gate)


def _reference(args: argparse.Namespace) -> Reference:
    from ..evaluation.bag.references import read_reference, read_truth

    if args.reference == [_TRUTH]:
        return read_truth(args.input, args.reference_topic)
    return read_reference([Path(name) for name in args.reference], fps=args.reference_fps,
                          unit=args.reference_unit)


def _answers(args: argparse.Namespace) -> tuple[list[Said], str, bool, list[str]]:
    """What was said, the frame of it, whether z is up there, and what had to be assumed."""
    from tqdm import tqdm

    from ..evaluation.bag.answers import read_answers, replay
    from ..pipeline import Pipeline
    from ..recording.source import open_source
    from ..types import CameraPoseSource, Frame

    if args.input.suffix == '.jsonl':
        return *read_answers(args.input), []
    source = open_source(args.input, source_options(args))
    for note in source.notes:
        print(f'note: {note}')
    pipeline, placed = Pipeline(pipeline_config(args)), set[CameraPoseSource]()

    def frames() -> Iterator[Frame]:
        for frame in tqdm(source, total=source.length or None, unit='frame', disable=None):
            placed.add(frame.camera_pose)
            yield frame

    said = list(replay(frames(), pipeline))
    return said, source.frame_id, CameraPoseSource.NONE not in placed, source.notes


def _command(args: argparse.Namespace) -> str:
    """What was asked, without the folders of this machine."""
    words = ['occpose evaluate bag', args.input.name, '--reference',
             *(Path(name).name for name in args.reference), '--output DIR']
    for name in ('reference_topic', 'reference_fps', 'reference_unit', 'max_shift', 'gate', 'hfov',
                 'camera', 'camera_height', 'camera_pitch', 'fps', 'start', 'seconds',
                 'image_topic', 'pose_topic', 'camera_mount', 'world_frame', 'rectified',
                 'detector', 'lifter', 'device', 'threads', 'config'):
        value = getattr(args, name)
        if value is None or (name in ('camera_pitch', 'start', 'rectified') and not value):
            continue
        parts = value if isinstance(value, list) else [value]
        texts = [part.name if isinstance(part, Path) else f'{part}' for part in parts]
        words.append(' '.join([f'--{name.replace("_", "-")}',
                               *([] if name == 'rectified' else texts)]))
    return ' '.join([*words, *(() if args.align == 'auto' else (f'--align {args.align}',))])
