"""`occpose run`: a recording through the pipeline, without ROS."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_pipeline_options, add_source_options, pipeline_config, source_options

if TYPE_CHECKING:
    from ..body.meshes import MeshMaker
    from ..pipeline import Pipeline
    from ..recording.source import Source
    from ..recording.summary import Tally

HELP = 'track people in a video, an image folder or a bag'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('input', type=Path, metavar='INPUT',
                        help='video file, image folder, or rosbag2 (sqlite3, mcap)')
    parser.add_argument('--output', type=Path, required=True, metavar='DIR',
                        help='folder for poses.jsonl, poses.mcap, overlay.mp4, scene.png and '
                        'summary.json')
    parser.add_argument('--no-video', action='store_true',
                        help='do not write overlay.mp4, which is faster')
    parser.add_argument('--meshes', action='store_true',
                        help='add body meshes to the overlay, poses.jsonl and poses.mcap')
    parser.add_argument('--body', metavar='NAME',
                        help='body model of --meshes: human (fetched if missing), cylinder, or '
                        'the path of an .npz or .pkl file in SMPL format; auto: human if it '
                        'has been fetched, otherwise cylinder (default: auto)')
    add_source_options(parser)
    add_pipeline_options(parser)


def run(args: argparse.Namespace) -> None:
    """Process every frame and write all files.

    Raises:
        OccposeError: The input, the calibration, the configuration or a model cannot be used, or
            no image was processed.
    """
    from ..errors import ConfigError, InputError
    from ..pipeline import Pipeline
    from ..recording.source import open_source
    from ..recording.summary import Tally, peak_memory_mb, table, write_summary

    if args.body and not args.meshes:
        raise ConfigError('Expected --meshes beside --body, which says whose they are; got --body '
                          'alone.')
    source = open_source(args.input, source_options(args))
    for note in source.notes:
        print(f'note: {note}')
    meshes = _meshes(args.body or 'auto') if args.meshes else None
    pipeline, tally, complete = Pipeline(pipeline_config(args)), Tally(), False
    try:
        _process(source, pipeline, meshes, tally, args)
        complete = True
    finally:
        if tally.frames_answered:
            summary = {
                'input': args.input.name, 'complete': complete, **tally.summary(),
                'latency_from': 'reading the frame', 'peak_memory_mb': peak_memory_mb(),
                'frame': source.frame_id, 'backends': pipeline.backends, 'notes': source.notes}
            write_summary(args.output / 'summary.json', summary)
            print(table(summary))
            print(f'The files are in {args.output}.')
    if not tally.frames_answered:
        raise InputError(f'Expected at least one image of {args.input} to process, got none; see '
                         '--start and --seconds, and with --pose-topic whether there are camera '
                         'poses at the stamps of the images.')


def _meshes(name: str) -> MeshMaker:
    from ..body.load import described, load_body
    from ..body.meshes import MeshMaker

    body = load_body(name)
    print(f'note: {described(body, name)}')
    return MeshMaker(body)


def _process(source: Source, pipeline: Pipeline, meshes: MeshMaker | None, tally: Tally,
             args: argparse.Namespace) -> None:
    from time import perf_counter

    from tqdm import tqdm

    from ..recording.humans import humans_of
    from ..recording.outputs import Outputs

    last_ns = None
    with (Outputs(args.output, video_fps=None if args.no_video else source.fps) as outputs,
          tqdm(source, total=source.length or None, unit='frame', disable=None) as progress):
        for frame in progress:
            tally.frames_in += 1
            if frame.stamp_ns == last_ns:       # the same image twice
                continue
            last_ns = frame.stamp_ns
            start = perf_counter()
            people = pipeline(frame)
            spent_ms = (perf_counter() - start) * 1e3
            humans = humans_of(people, frame_id=source.frame_id, camera_frame=source.camera_frame,
                               min_visibility=pipeline.config.lifting.min_visibility)
            outputs.write(frame, humans, None if meshes is None else meshes(people))
            tally.add(humans, spent_ms, pipeline.stage_ms)
            progress.set_postfix(people=tally.people[-1], ms=f'{spent_ms:.0f}')
