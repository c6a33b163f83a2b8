"""`occpose export`: trained weights as an ONNX file."""
from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = 'write trained weights as an ONNX file that runs without torch'


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'checkpoint', type=Path, help='best.pt or checkpoint.pt of `occpose train`'
    )
    parser.add_argument('output', type=Path, metavar='OUT.onnx', help='file to write')


def run(args: Namespace) -> None:
    """Write the file, unless it disagrees with torch."""
    from ..errors import ConfigError
    from ..training.export import export_checkpoint

    if args.output.suffix != '.onnx':
        raise ConfigError(f'Expected an output that ends in .onnx, got {args.output}.')
    export_checkpoint(args.checkpoint, args.output)
    print(f'{args.output}: {args.output.stat().st_size / 1e6:.1f} MB, agrees with torch')
