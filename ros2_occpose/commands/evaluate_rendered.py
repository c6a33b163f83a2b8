"""`occpose evaluate rendered`: the pipeline on rendered scenes with exact truth."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .options import add_pipeline_options, pipeline_config
from .synth import command, mocap_folder

if TYPE_CHECKING:
    from ..config import PipelineConfig
    from ..evaluation.bag.comparison import Comparison
    from ..evaluation.rendered import Filmed, Recorded
    from ..synth.suite import SuiteScene

Json: TypeAlias = Any

ABOUT = 'the whole pipeline on a fixed suite of rendered scenes with exact truth'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--output', type=Path, required=True, metavar='DIR',
                        help='folder of results.json, results.md and a plot')
    parser.add_argument('--bags', type=Path, metavar='DIR',
                        help='folder of the rendered bags; missing ones are rendered '
                        '(default: bags in the output folder)')
    parser.add_argument('--mocap', type=Path, metavar='DIR',
                        help='folder of motion capture (default: mocap in $OCCPOSE_DATA)')
    parser.add_argument('--scene', default='', metavar='NAME[,NAME...]',
                        help='scenes of the suite (default: all)')
    parser.add_argument('--tuning', action='store_true',
                        help='use the tuning scenes, with other seeds and recordings, instead')
    parser.add_argument('--only-true-pose', action='store_true',
                        help='skip the runs with camera pose errors')
    parser.add_argument('--seed', type=int, default=0, help='seed of these errors (default: 0)')
    add_pipeline_options(parser)


def run(args: argparse.Namespace) -> None:
    """Render what is missing, replay, judge, write.

    Raises:
        OccposeError: An option, the motion capture, the renderer or a model cannot be used.
    """
    import json

    import motmetrics  # noqa: F401    (said to be missing before the long replay, not after)

    from ..evaluation.bag.plots import draw_since
    from ..evaluation.rendered import TRUE_POSE, pooled_since
    from ..evaluation.rendered_report import markdown, results
    from ..recording.machine import machine, source_commit, versions
    from ..synth.suite import SUITE, TUNING, chosen

    scenes = chosen(args.scene, TUNING if args.tuning else SUITE)
    bags = args.bags or args.output / 'bags'
    args.output.mkdir(parents=True, exist_ok=True)
    config = pipeline_config(args)
    found: dict[str, dict[str, Comparison]] = {}
    for scene in scenes:
        make_bag(bags / scene.name, scene, args.mocap)
        for pose, one in _judged(bags / scene.name, config, args).items():
            found.setdefault(pose, {})[scene.name] = one
    words = _command(args)
    report = {'command': words, 'commit': source_commit(), 'machine': machine(),
              'versions': versions(), 'made_by': {s.name: command(s.options) for s in scenes},
              **results(found)}
    (args.output / 'results.json').write_text(json.dumps(report, indent=1, allow_nan=False) + '\n')
    tables = markdown(found, scenes, {
        'Command': f'`{words}`', 'Commit': report['commit'],
        'Detector and lifter': f'{config.detection.detector}, {config.lifting.lifter}',
        'Machine': f'{report["machine"]["cpu"]}, {report["machine"]["cores"]} cores'})
    (args.output / 'results.md').write_text(tables)
    since = pooled_since(list(found[TRUE_POSE].values()))
    if since is not None:
        draw_since(since, args.output / 'since_seen.png')
    print(tables)
    print(f'The figures are in {args.output}, the recordings in {bags}.')


def make_bag(path: Path, scene: SuiteScene, mocap: Path | None) -> None:
    """Render a scene, unless it is there.

    Raises:
        InputError: Something else is there.
    """
    from ..errors import InputError
    from ..synth.bag import write_bag
    from ..synth.scene import draw_scene
    from ..synth.suite import is_made
    from .synth import about, watched

    if is_made(path, command(scene.options)):
        return
    if path.exists():
        raise InputError(f'Expected nothing, or the bag of `{command(scene.options)}`, got '
                         f'another one in {path}; delete it.')
    drawn = draw_scene(scene.options, mocap_folder(mocap))
    write_bag(path, drawn, watched(drawn, scene.name), compressed=True, about=about(drawn))


def _judged(bag: Path, config: PipelineConfig, args: argparse.Namespace) -> dict[str, Comparison]:
    """One scene with all errors of the camera pose."""
    from ..evaluation.bag.comparison import Options
    from ..evaluation.rendered import DISTURBANCES, TRUE_POSE, judge
    from ..pipeline import Pipeline

    filmed, detector = _seen(bag, config)
    options = Options(remembered_s=config.tracking.max_gap_s)
    return {pose: judge(filmed, Pipeline(config, detector=detector), how, args.seed, options)
            for pose, how in DISTURBANCES.items() if pose == TRUE_POSE or not args.only_true_pose}


def _seen(bag: Path, config: PipelineConfig) -> tuple[Filmed, Recorded]:
    """A bag, and what the detector sees in it."""
    from dataclasses import replace

    from tqdm import tqdm

    from ..detection import load_detector
    from ..evaluation.bag.references import read_truth
    from ..evaluation.rendered import Filmed, Recorded, with_detections
    from ..inference import Models
    from ..recording.source import SourceOptions, open_source

    source = open_source(bag, SourceOptions(pose_topic='/camera/pose'))
    detector = load_detector(config.detection, Models().on(config.device, config.threads))
    frames, spent_ms = with_detections(
        list(tqdm(source, total=source.length, unit='frame', desc=bag.name, disable=None)),
        detector)
    plain = [replace(frame, detections=None) for frame in frames]
    return Filmed(plain, spent_ms, read_truth(bag), source.frame_id), Recorded(frames)


def _command(args: argparse.Namespace) -> str:
    """What was asked, without the folders of this machine."""
    words = ['occpose evaluate rendered --output DIR']
    for name in ('scene', 'seed', 'detector', 'lifter', 'device', 'threads', 'config'):
        value = getattr(args, name)
        if value:
            words.append(f'--{name} {value.name if isinstance(value, Path) else value}')
    words += [f'--{name.replace("_", "-")}' for name in ('tuning', 'only_true_pose')
              if getattr(args, name)]
    return ' '.join(words)
