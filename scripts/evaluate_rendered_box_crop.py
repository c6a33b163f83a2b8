"""The rendered suite as in `occpose evaluate rendered`, with people from boxes and crops instead.

RTMDet-nano finds boxes, TinyPose-256 the joints in them (weights as in ../shared/data/weights;
they cannot be shipped). It tells apart what the default detector misses from what the stages after
it do. The bags must have been made by `occpose evaluate rendered`.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from box_and_crop import BoxAndCrop
from tqdm import tqdm

from ros2_occpose.config import PipelineConfig
from ros2_occpose.errors import OccposeError
from ros2_occpose.evaluation.bag.comparison import Comparison, Options
from ros2_occpose.evaluation.bag.references import read_truth
from ros2_occpose.evaluation.rendered import DISTURBANCES, Filmed, judge, with_detections
from ros2_occpose.evaluation.rendered_report import markdown
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.recording.machine import machine, source_commit
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.synth.suite import SUITE


def main() -> int:
    """Judge all scenes, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('bags', type=Path, help='folder of the rendered scenes')
    parser.add_argument('weights', type=Path, help='folder of the weights')
    parser.add_argument('output', type=Path, help='Markdown file to write')
    args = parser.parse_args()
    config, options = PipelineConfig(), Options()
    detector = BoxAndCrop(args.weights)
    found: dict[str, dict[str, Comparison]] = {pose: {} for pose in DISTURBANCES}
    try:
        for scene in SUITE:
            bag = args.bags / scene.name
            source = open_source(bag, SourceOptions(pose_topic='/camera/pose'))
            frames = list(tqdm(source, total=source.length, desc=scene.name, disable=None))
            filmed = Filmed(*with_detections(frames, detector.search), read_truth(bag),
                            source.frame_id)
            for pose, how in DISTURBANCES.items():
                found[pose][scene.name] = judge(filmed, Pipeline(config), how, 0, options)
    except OccposeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    tables = markdown(found, SUITE, {
        'Detector and lifter': f'RTMDet-nano and TinyPose-256, {config.lifting.lifter}',
        'Commit': source_commit(), 'Machine': f'{machine()["cpu"]}, {machine()["cores"]} cores'})
    args.output.write_text(tables)
    print(tables)
    return 0


if __name__ == '__main__':
    sys.exit(main())
