"""`occpose benchmark-speed`: milliseconds of each stage for 1, 4 and 12 people."""
from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .options import add_pipeline_options, add_source_options, pipeline_config, source_options

if TYPE_CHECKING:
    from ..config import PipelineConfig
    from ..recording.mosaic import Cutouts

Json: TypeAlias = Any

HELP = 'measure the milliseconds of each stage for 1, 4 and 12 people'
BUDGET_MS = {1: 16.0, 4: 28.0, 12: 60.0}       # of the whole pipeline, VGA, 2 CPU cores
GATHER_FRAMES = 200                            # of the recording, to cut people out
WARM_FRAMES = 60                               # until all are found, and the caches are warm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('input', type=Path, metavar='INPUT',
                        help='video, image folder or bag with people; they are cut out and '
                        'put together to VGA images with 1, 4 and 12 of them')
    parser.add_argument('--output', type=Path, required=True, metavar='FILE.json')
    parser.add_argument('--frames', type=int, default=200, metavar='N',
                        help='frames measured for each number of people (default: 200)')
    add_source_options(parser)
    add_pipeline_options(parser)


def run(args: argparse.Namespace) -> None:
    """Cut people out, put them together, measure, write.

    Raises:
        OccposeError: The input or a model cannot be used, or it shows nobody.
    """
    import json

    from ..errors import InputError
    from ..recording.machine import machine, versions

    if not args.output.parent.is_dir():
        raise InputError(f'Cannot write {args.output}: its folder does not exist.')
    config = pipeline_config(args)
    cutouts, backends = _gather(args, config)
    results = [_measure(cutouts, count, config, args.frames) for count in BUDGET_MS]
    report = {
        'input': args.input.name, 'machine': machine(), 'versions': versions(),
        'backends': backends, 'threads': config.threads,
        'image_size': '640x480', 'people_followed_in_input': len(cutouts.people),
        'results': results}
    args.output.write_text(json.dumps(report, indent=2, allow_nan=False) + '\n')
    print(_table(report))
    print(f'The figures are in {args.output}.')


def _gather(args: argparse.Namespace, config: PipelineConfig) -> tuple[Cutouts, dict[str, str]]:
    from tqdm import tqdm

    from ..pipeline import Pipeline
    from ..recording.mosaic import Cutouts
    from ..recording.source import open_source

    pipeline, cutouts = Pipeline(config), Cutouts()
    source = open_source(args.input, source_options(args))
    frames = itertools.islice(source, GATHER_FRAMES)
    total = min(source.length or GATHER_FRAMES, GATHER_FRAMES)
    for frame in tqdm(frames, total=total, desc='finding people', unit='frame', disable=None):
        cutouts.add(frame, pipeline(frame))
    return cutouts, pipeline.backends


def _measure(cutouts: Cutouts, count: int, config: PipelineConfig, frames: int) -> Json:
    from time import perf_counter

    import numpy as np
    from tqdm import tqdm

    from ..pipeline import Pipeline
    from ..recording.mosaic import mosaic
    from ..recording.summary import quantiles
    from ..types import TrackState

    pipeline = Pipeline(config)
    total_ms: list[float] = []
    stage_ms: dict[str, list[float]] = {}
    tracked: list[int] = []
    sequence = mosaic(cutouts.best(count), WARM_FRAMES + frames)
    progress = tqdm(sequence, total=WARM_FRAMES + frames, desc=f'{count} people', unit='frame',
                    disable=None)
    for t, frame in enumerate(progress):
        start = perf_counter()
        people = pipeline(frame)
        spent_ms = (perf_counter() - start) * 1e3
        if t < WARM_FRAMES:
            continue
        total_ms.append(spent_ms)
        tracked.append(int((people.tracks.states == TrackState.TRACKED).sum()))
        for stage, value in pipeline.stage_ms.items():
            stage_ms.setdefault(stage, []).append(value)
    return {
        'people': count, 'people_tracked_mean': round(float(np.mean(tracked)), 2),
        'frames': frames, 'total_ms': quantiles(total_ms), 'budget_ms': BUDGET_MS[count],
        'stage_ms': {stage: quantiles(values) for stage, values in stage_ms.items()}}


def _table(report: Json) -> str:
    stages = list(report['results'][0]['stage_ms'])
    head = ['people', 'tracked', *stages, 'p50', 'p95', 'budget', '']
    rows = [[str(r['people']), f'{r["people_tracked_mean"]:.1f}',
             *(f'{r["stage_ms"][stage]["p50"]:.1f}' for stage in stages),
             f'{r["total_ms"]["p50"]:.1f}', f'{r["total_ms"]["p95"]:.1f}',
             f'{r["budget_ms"]:.0f}',
             'within' if r['total_ms']['p50'] <= r['budget_ms'] else 'over']
            for r in report['results']]
    widths = [max(len(row[c]) for row in [head, *rows]) for c in range(len(head))]
    lines = ['  '.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
             for row in [head, *rows]]
    machine = report['machine']
    backends = ', '.join(f'{stage}: {name}' for stage, name in report['backends'].items())
    return '\n'.join([
        f'{machine["cpu"]}, {machine["cores"]} cores; {backends}; {report["threads"]} threads',
        'milliseconds, p50 of each stage, p50 and p95 of the whole pipeline:', *lines])
