#!/usr/bin/env python3
"""How the live node stands up: latency, ten minutes at 30 Hz, kill -9 of the camera, restarts.

    source scripts/env.sh
    python scripts/measure_node.py latency --input VIDEO
    python scripts/measure_node.py endure  --input VIDEO --seconds 600
    python scripts/measure_node.py camera  --input VIDEO
    python scripts/measure_node.py cycles  --input VIDEO --cycles 100
    python scripts/measure_node.py start   --input VIDEO
    python scripts/measure_node.py all     --input VIDEO --seconds 600 --output node.json

Camera, node and listener are three processes; the node is the real one with its default networks.
The people are cut out of VIDEO and put together to VGA images, as `occpose benchmark-speed` does.
"""
from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from node_camera import save_footage  # noqa: E402
from node_processes import lock_domain  # noqa: E402
from node_trials import Trials  # noqa: E402

from ros2_occpose.errors import OccposeError  # noqa: E402
from ros2_occpose.recording.machine import machine, versions  # noqa: E402

Json: TypeAlias = Any
TRIALS = ('latency', 'endure', 'camera', 'cycles', 'start')


def main() -> int:
    """Measure what was asked for, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('trial', choices=(*TRIALS, 'all'))
    parser.add_argument('--input', type=Path, required=True, metavar='VIDEO')
    parser.add_argument('--people', type=int, default=4, choices=(1, 4, 12))
    parser.add_argument('--seconds', type=float, default=30.0, help='of endure (default: 30)')
    parser.add_argument('--rate', type=float, default=30.0, help='of the camera [Hz], of endure')
    parser.add_argument('--cycles', type=int, default=100)
    parser.add_argument('--output', type=Path, metavar='FILE.json')
    args = parser.parse_args()
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    signal.signal(signal.SIGTERM, signal.default_int_handler)    # ends its processes too
    results: dict[str, Json] = {}
    with tempfile.TemporaryDirectory() as folder, lock_domain() as domain:
        os.environ['ROS_DOMAIN_ID'] = str(domain)
        try:
            footage = save_footage(args.input, args.people, Path(folder))
        except OccposeError as error:
            print(f'error: {error}', file=sys.stderr)
            return 2
        trials = Trials(Path(folder), footage)
        for name in TRIALS if args.trial == 'all' else (args.trial,):
            results[name] = _run(trials, name, args)
            print(json.dumps({name: results[name]}, indent=2), flush=True)
    report = {'command': ' '.join(['measure_node.py', *sys.argv[1:]]), 'machine': machine(),
              'versions': versions(), 'load_average': os.getloadavg(), 'results': results}
    if args.output:
        args.output.write_text(json.dumps(report, indent=2) + '\n')
    return 0


def _run(trials: Trials, name: str, args: argparse.Namespace) -> Json:
    match name:
        case 'latency':
            return [trials.latency(rate, 20.0) for rate in (10.0, 30.0)]
        case 'endure':
            return trials.endure(args.seconds, args.rate)
        case 'camera':
            return trials.lost_camera()
        case 'cycles':
            return trials.cycles(args.cycles)
        case _:
            return [trials.first_skeleton() for _ in range(3)]


if __name__ == '__main__':
    sys.exit(main())
