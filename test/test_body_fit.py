"""Shapes that have somebody's bones, and postures as a body wears them."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from toy_motion import offsets as toy_offsets

from ros2_occpose.body.fit import draw_betas, fit_betas, rest_offsets, trunk_lean, worn
from ros2_occpose.body.kinematics import BODY, TYPICAL_OFFSETS, body_points, forward
from ros2_occpose.body.load import body_path, load_body
from ros2_occpose.body.model import BodyModel
from ros2_occpose.skeleton import SMPL24

STILL = np.tile(np.eye(3), (24, 1, 1))


@pytest.fixture(scope='module', params=['cylinder', 'human'])
def body(request: pytest.FixtureRequest) -> BodyModel:
    if request.param == 'human' and not body_path().exists():
        pytest.skip('needs the human body: occpose models fetch body')
    return load_body(request.param)


def test_rest_offsets_are_those_of_the_model(body: BodyModel, rng: np.random.Generator) -> None:
    betas = rng.normal(size=(4, len(body.meaning)))
    for row, offsets in zip(betas, rest_offsets(body, betas)):
        _, joints = body.rest(row)
        np.testing.assert_allclose(
            offsets[1:], (joints - joints[list(SMPL24.parents)])[1:], atol=1e-5)
        assert not offsets[0].any()


def test_who_is_of_the_family_is_found_by_the_bones(rng: np.random.Generator) -> None:
    man = load_body('cylinder')
    shapes = np.zeros((30, len(man.meaning)))
    bony = [man.meaning.index(name) for name in ('stature', 'legs', 'arms', 'trunk')]
    shapes[:, bony] = rng.normal(size=(30, len(bony)))
    bones = rest_offsets(man, shapes)
    found = fit_betas(man, bones)
    assert np.abs(rest_offsets(man, found) - bones).mean() < 0.002
    assert np.corrcoef(found[:, bony[1]], shapes[:, bony[1]])[0, 1] > 0.9


def test_shapes_come_nearer_to_the_bones_than_the_mean(body: BodyModel) -> None:
    small = 0.85 * toy_offsets()
    turns = np.stack([worn(STILL, trunk_lean(body)), STILL])

    def off(betas: np.ndarray) -> float:
        rows = np.stack([rest_offsets(body, betas), small])
        points = body_points(*forward(turns, np.zeros((2, 3)), rows))
        around = points - points[:, [BODY.index('left_hip'), BODY.index('right_hip')]].mean(
            1, keepdims=True)
        return float(np.linalg.norm(around[0] - around[1], axis=-1).mean())

    best = fit_betas(body, small)
    assert best.shape == (len(body.meaning),)
    assert off(best) < 0.6 * off(0 * best)
    assert best[body.meaning.index('stature')] < -1


def test_drawn_shapes_keep_the_bones_and_differ_in_what_these_do_not_tell(
        body: BodyModel, rng: np.random.Generator) -> None:
    drawn = draw_betas(rng, body, np.tile(toy_offsets(), (400, 1, 1)))
    girth = body.meaning.index('weight' if body.name == 'human' else 'girth of the trunk')
    assert drawn[:, girth].std() > 1
    assert rest_offsets(body, drawn).std(0).max() < 0.03                       # [m]
    np.testing.assert_allclose(drawn.mean(0), fit_betas(body, toy_offsets()), atol=0.3)


def test_trunk_leans_as_far_as_shoulders_need(body: BodyModel) -> None:
    lean = trunk_lean(body)
    rows = np.stack([rest_offsets(body, np.zeros(len(body.meaning))), TYPICAL_OFFSETS])
    turns = np.stack([worn(STILL, lean), STILL])
    points = body_points(*forward(turns, np.zeros((2, 3)), rows))
    hips, shoulders = (points[:, [BODY.index(f'{side}_{joint}') for side in ('left', 'right')]]
                       .mean(1) for joint in ('hip', 'shoulder'))
    up = (shoulders - hips)[:, 1:]
    angles = np.degrees(np.arctan2(up[:, 1], up[:, 0]))
    assert abs(angles[0] - angles[1]) < 0.3


def test_limbs_keep_their_turns_in_the_world(rng: np.random.Generator) -> None:
    rotations = Rotation.random(5 * 24, rng).as_matrix().reshape(5, 24, 3, 3)
    place = np.zeros((5, 3))
    _, before = forward(rotations, place, TYPICAL_OFFSETS)
    _, after = forward(worn(rotations, 0.2), place, TYPICAL_OFFSETS)
    limbs = SMPL24.indices('left_hip', 'right_ankle', 'neck', 'head', 'left_collar', 'right_wrist')
    np.testing.assert_allclose(after[:, limbs], before[:, limbs], atol=1e-12)
    spine = SMPL24.index('spine2')
    turned = np.swapaxes(before[:, spine], 1, 2) @ after[:, spine]
    np.testing.assert_allclose(Rotation.from_matrix(turned).as_rotvec(),
                               np.tile([0.2, 0, 0], (5, 1)), atol=1e-12)
    np.testing.assert_array_equal(worn(rotations, 0.0), rotations)
