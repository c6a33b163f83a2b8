"""The command `occpose`: one subcommand a module of `commands`, errors as one line."""
from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from types import FrameType, ModuleType

from .commands import benchmark_speed, evaluate, export, lift, models, run, synth, train
from .errors import OccposeError

COMMANDS: dict[str, ModuleType] = {
    'run': run,
    'lift': lift,
    'train': train,
    'export': export,
    'evaluate': evaluate,
    'synth': synth,
    'models': models,
    'benchmark-speed': benchmark_speed,
}
# optional packages -> the extra of setup.py that brings them
EXTRAS = {'onnxruntime': 'onnx', 'rosbags': 'bag', 'matplotlib': 'plot', 'torch': 'train',
          'onnx': 'convert', 'tflite': 'convert', 'motmetrics': 'evaluate',
          'pandas': 'evaluate'}
ERROR, INTERRUPTED, TERMINATED = 2, 130, 143      # exit codes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.INFO,
                        format='%(levelname)s: %(message)s')
    signal.signal(signal.SIGTERM, _terminate)      # files are closed on the way out
    try:
        COMMANDS[options.command].run(options)
    except OccposeError as error:
        if options.debug:
            raise
        print(f'error: {error}', file=sys.stderr)
        return ERROR
    except ModuleNotFoundError as error:
        if options.debug or error.name not in EXTRAS:
            raise
        print(f'error: occpose {options.command} needs {error.name}, which is not installed: '
              f"pip install '.[{EXTRAS[error.name]}]' (in the clone)", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='occpose', description='3D skeletons of people, with uncertainty, from one '
        'moving camera, also while they are hidden.')
    parser.add_argument('--version', action=_Version, nargs=0, help='show the version and exit')
    parser.add_argument('--debug', action='store_true', help='debug log, and tracebacks on errors')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(
            name, help=module.HELP, description=f'{module.HELP[0].upper()}{module.HELP[1:]}.'))
    return parser


class _Version(argparse.Action):
    """Finding the version out takes time: only when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from .resources import package_version

        print(f'{parser.prog} {package_version()}')
        parser.exit()


def _terminate(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


if __name__ == '__main__':
    sys.exit(main())
