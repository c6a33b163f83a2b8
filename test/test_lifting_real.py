"""Real people: 2D of a real detector, truth triangulated from four calibrated views."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.geometry import Camera, align_similarity
from ros2_occpose.inference import open_model
from ros2_occpose.lifting import lift_clip
from ros2_occpose.skeleton import COCO17, H36M17, convert

JUDGED = [j for j, name in enumerate(H36M17.joints) if name not in ('hip', 'head')]
SETTLED = slice(20, None)


@pytest.fixture(scope='module')
def errors(shared_data: Path) -> dict[str, np.ndarray]:
    """Per view and person: MPJPE, the same aligned, and share within 2.80 std."""
    path = shared_data / 'video' / 'multiview' / 'pseudo_gt_triangulated.npz'
    session, rows = open_model('gated_causal', threads=1), []
    with np.load(path) as data:
        frames, views, people = data['kp2d'].shape[:3]
        for view in range(views):
            camera = Camera(1088, 1920, data['K'][view], d=data['dist'][view])
            for person in range(people):
                world = data['xyz_world_m'][:, person].astype(float)
                points = world @ data['R'][view].T + data['t'][view]
                truth, _ = convert(points, np.ones((frames, 17)), COCO17, H36M17)
                found = data['kp2d'][:, view, person].astype(float)
                joints, std, *_ = lift_clip(session, found[..., :2], found[..., 2], camera, 60.0)
                rows.append(judge(joints, std, truth - truth[:, :1]))
    mpjpe, aligned, within = np.array(rows).T
    return {'mpjpe': mpjpe, 'aligned': aligned, 'within': within}


def judge(joints: np.ndarray, std: np.ndarray, truth: np.ndarray) -> tuple[float, ...]:
    joints, truth = joints[SETTLED][:, JUDGED], truth[SETTLED][:, JUDGED]
    error = np.linalg.norm(joints - truth, axis=-1)
    scale, turn, shift = align_similarity(joints, truth)
    moved = scale[:, None, None] * joints @ np.swapaxes(turn, -1, -2) + shift[:, None]
    aligned = np.linalg.norm(moved - truth, axis=-1)
    within = error < 2.80 * std[SETTLED][:, JUDGED]
    return error.mean(), aligned.mean(), within.mean()


def test_real_people_are_lifted(errors: dict[str, np.ndarray]) -> None:
    print({name: values.round(3).tolist() for name, values in errors.items()})
    assert errors['mpjpe'].mean() < 0.16
    assert errors['mpjpe'].max() < 0.25
    assert errors['aligned'].mean() < 0.10


def test_the_std_of_real_people_is_not_far_off(errors: dict[str, np.ndarray]) -> None:
    assert errors['within'].mean() > 0.6        # 0.95 if simulated people were real ones
