"""`occpose synth`: a rendered recording of people in a furnished room, with exact truth."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..synth.scene import Scene, SceneOptions, Shot

HELP = 'render a recording of people in a furnished room, with exact truth'
_SPLITS = ('train', 'validation', 'test')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--output', type=Path, required=True, metavar='BAG',
                        help='folder of the bag, created when the bag is complete')
    parser.add_argument('--storage', choices=('mcap', 'sqlite3'), default='mcap')
    parser.add_argument('--mocap', type=Path, metavar='DIR',
                        help='folder of motion capture (default: mocap in $OCCPOSE_DATA)')
    parser.add_argument('--split', choices=_SPLITS, action='append', metavar='NAME',
                        help='recordings that animate people: train, validation, test; can be '
                        'given several times (default: train and validation)')
    _add_scene(parser.add_argument_group('scene'))
    _add_camera(parser.add_argument_group('camera'))


def _add_scene(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--people', type=int, default=3, metavar='N')
    group.add_argument('--seconds', type=float, default=20.0, metavar='S')
    group.add_argument('--seed', type=int, default=0,
                       help='the same seed and options give the same bytes (default: 0)')
    group.add_argument('--occluders', type=int, default=4, metavar='N',
                       help='pieces of furniture between camera and people (default: 4)')
    group.add_argument('--role', dest='roles', choices=('walk', 'stand', 'dance'),
                       action='append', metavar='ROLE',
                       help='what one of the people does: walk, stand, or dance (two by two); '
                       'once for each of them (default: drawn)')


def _add_camera(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--camera', choices=('robot', 'handheld', 'static', 'pan'),
                       default='robot', help='how it moves (default: robot)')
    group.add_argument('--lens', choices=('pinhole', 'plumb_bob', 'fisheye'), default='pinhole')
    group.add_argument('--hfov', type=float, metavar='DEG',
                       help='horizontal field of view (default: 72, fisheye: 118)')
    group.add_argument('--size', default='640x480', metavar='WxH')
    group.add_argument('--fps', type=float, default=30.0, metavar='HZ')
    group.add_argument('--compressed', action='store_true',
                       help='JPEG images instead of raw ones')
    group.add_argument('--jpeg-quality', type=int, metavar='0-100',
                       help='0: without JPEG artefacts (default: random, 60 to 95)')
    group.add_argument('--noise', type=float, default=1.0, metavar='FACTOR',
                       help='sensor noise relative to an ordinary one; 0: none (default: 1)')
    group.add_argument('--blur', type=float, default=1.0, metavar='FACTOR',
                       help='motion blur: exposure time relative to an ordinary one; 0: none '
                       '(default: 1)')


def run(args: argparse.Namespace) -> None:
    """Draw the scene, film it, write the bag.

    Raises:
        OccposeError: An option, the motion capture, the renderer or the output cannot be used.
    """
    from ..errors import InputError
    from ..synth.bag import write_bag
    from ..synth.scene import draw_scene

    options = scene_options(args)
    if args.output.exists():
        raise InputError(f'Expected a bag that is not there yet, got {args.output}; delete it, or '
                         'choose another name.')
    scene = draw_scene(options, mocap_folder(args.mocap))
    write_bag(args.output, scene, watched(scene, args.output.name), storage=args.storage,
              compressed=args.compressed, about=about(scene))
    print(f'{len(scene)} pictures of {options.people} people, furniture hides '
          f'{100 * scene.hidden:.0f} % of them, in {args.output}. To judge the pipeline by it:\n'
          f'occpose evaluate bag {args.output} --pose-topic /camera/pose --reference truth '
          '--output out/eval')


def watched(scene: Scene, name: str) -> Iterator[Shot]:
    """The pictures of a scene, with a progress bar."""
    from tqdm import tqdm

    from ..synth.scene import film

    yield from tqdm(film(scene), total=len(scene), unit='picture', desc=name, disable=None)


def about(scene: Scene) -> dict[str, object]:
    """How a scene was made, for the file beside the bag."""
    from ..recording.machine import source_commit

    return {'command': command(scene.options), 'commit': source_commit(),
            'hidden_by_furniture': round(scene.hidden, 4)}


def scene_options(args: argparse.Namespace) -> SceneOptions:
    """What was asked for.

    Raises:
        ConfigError: A number or a name cannot work.
    """
    from ..errors import ConfigError
    from ..synth.scene import SceneOptions

    width, _, height = args.size.partition('x')
    if not (width.isdigit() and height.isdigit() and 32 <= int(width) <= 4096
            and 32 <= int(height) <= 4096):
        raise ConfigError(f'Expected --size such as 640x480, 32 to 4096 each, got {args.size}.')
    quality = args.jpeg_quality
    if quality is not None and not (1 if args.compressed else 0) <= quality <= 100:
        raise ConfigError(f'Expected --jpeg-quality of 0 (1 with --compressed) to 100, got '
                          f'{quality}.')
    return SceneOptions(
        people=args.people, seconds=args.seconds, seed=args.seed, camera=args.camera,
        occluders=args.occluders, size=(int(width), int(height)), fps=args.fps, lens=args.lens,
        hfov_deg=args.hfov, roles=tuple(args.roles or ()), noise=args.noise, blur=args.blur,
        jpeg_quality=quality,
        splits=tuple(args.split or ('train', 'validation')))


def mocap_folder(chosen: Path | None) -> Path:
    """The folder of motion capture that was given, or the usual one.

    Raises:
        DataError: There is none.
    """
    import os

    from ..errors import DataError

    if chosen is not None:
        return chosen
    data = os.environ.get('OCCPOSE_DATA')
    if not data:
        raise DataError('Expected motion capture that people move by, got none; give its folder '
                        'with --mocap DIR, or set OCCPOSE_DATA (see docs/datasets.md).')
    return Path(data) / 'mocap'


def command(options: SceneOptions) -> str:
    """What makes the same scene again."""
    from dataclasses import fields

    words = ['occpose synth --output BAG']
    for field in fields(options):
        value, default = getattr(options, field.name), field.default
        name = {'hfov_deg': 'hfov', 'roles': 'role', 'splits': 'split'}.get(field.name, field.name)
        name = name.replace('_', '-')
        if value == default and field.name not in ('people', 'seconds', 'seed', 'camera'):
            continue
        if field.name == 'size':
            words.append(f'--size {value[0]}x{value[1]}')
        elif isinstance(value, tuple):
            words += [f'--{name} {one}' for one in value]
        else:
            text = f'{value:g}' if isinstance(value, float) else f'{value}'
            words.append(f'--{name} {text}')
    return ' '.join(words)
