"""`occpose lift`: 2D keypoints of one person in a file -> 3D skeletons in a file."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..inference import Session
    from ..recording.clip_file import Clip
    from ..types import Floats

HELP = 'lift the 2D keypoints of one person to 3D'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'input', type=Path, metavar='INPUT.npz',
        help='keypoints (T,J,2) px, scores (T,J), K (3,3), fps; optional skeleton (default '
        'coco17), world_from_camera (T,4,4), stamps_ns (T,)')
    parser.add_argument('--lifter', metavar='NAME',
                        help='see: occpose models list (default: the lifter of the live node)')
    parser.add_argument(
        '--output', type=Path, required=True, metavar='OUT.npz',
        help='joints_camera (T,17,3) m, joints_root (T,17,3), root (T,3) in the camera, '
        'std (T,17) of joints_root, visibility (T,17), root_covariance (T,3,3), and joints_world '
        'where the camera pose is known')
    parser.add_argument('--device', choices=('auto', 'cpu', 'cuda', 'tensorrt'), default='auto')


def run(args: argparse.Namespace) -> None:
    """Read, lift, place, write.

    Raises:
        InputError: The file cannot be read or written, or lacks something.
        ModelError: The lifter is unknown or its file is missing.
    """
    import numpy as np

    from ..config import LiftingConfig
    from ..errors import InputError
    from ..inference import open_model
    from ..recording.clip_file import load_clip

    clip = load_clip(args.input)
    session = open_model(args.lifter or LiftingConfig().lifter, device=args.device)
    arrays = lift(session, clip)
    try:
        with args.output.open('wb') as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise InputError(f'Cannot write {args.output}: {error.strerror}.') from error
    seen = (arrays['visibility'] >= LiftingConfig.min_visibility).mean()
    frame = 'world' if 'joints_world' in arrays else 'camera'
    print(f'{len(clip.times_s)} frames, {100 * seen:.0f} % of the joints seen, in the {frame} '
          f'frame: {args.output}')


def lift(session: Session, clip: Clip) -> dict[str, Floats]:
    """The arrays of the output file.

    Raises:
        ModelError: The network is not a lifter of this package.
    """
    import numpy as np

    from ..geometry import invert
    from ..lifting import lift_clip
    from ..skeleton import COCO17, H36M17, convert
    from ..trajectory import solve_clip

    pose = clip.world_from_camera
    lifted = lift_clip(session, clip.keypoints_px, clip.scores, clip.camera, clip.fps,
                       world_from_camera=pose)
    joints_root, std = lifted.joints, lifted.std
    rays, visibility = convert(clip.camera.rays(clip.keypoints_px), clip.scores, COCO17, H36M17)
    solved = solve_clip(joints_root, rays, visibility, std, clip.times_s, pose)
    root = solved.root
    if pose is not None:
        camera_from_world = invert(pose)
        root = np.einsum('tij,tj->ti', camera_from_world[:, :3, :3], root)
        root = root + camera_from_world[:, :3, 3]
    joints_camera = joints_root + root[:, None]                                 # (T, 17, 3)
    arrays = {'joints_camera': joints_camera, 'joints_root': joints_root, 'root': root,
              'std': std, 'visibility': visibility, 'root_covariance': solved.root_covariance}
    if lifted.rotations is not None and lifted.betas is not None:
        arrays |= {'rotations': lifted.rotations, 'betas': lifted.betas}
    if pose is not None:
        arrays['joints_world'] = np.einsum(
            'tij,tkj->tki', pose[:, :3, :3], joints_camera) + pose[:, None, :3, 3]
    return arrays
