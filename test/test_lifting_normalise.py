"""What the network sees depends on the person, not on the camera, and never on what is hidden."""
import numpy as np
import pytest

from ros2_occpose.geometry import camera_from_view
from ros2_occpose.lifting.normalise import FEATURES, BodyState, normalise
from ros2_occpose.skeleton import COCO17

J = len(COCO17.joints)
OFFSETS = slice(0, 2 * J)
MIDDLE = slice(3 * J, 3 * J + 2)
LOG_DISTANCE = 3 * J + 2
SHIFT = slice(3 * J + 3, FEATURES)


def standing(distance: float = 4.0, across: float = 0.0) -> np.ndarray:
    """Somebody upright who faces the camera, coco17 in camera axes (J, 3) [m]."""
    left = {'nose': (0, -0.65), 'eye': (0.03, -0.68), 'ear': (0.07, -0.66),
            'shoulder': (0.17, -0.45), 'elbow': (0.2, -0.17), 'wrist': (0.22, 0.08),
            'hip': (0.09, 0.05), 'knee': (0.1, 0.46), 'ankle': (0.1, 0.87)}
    points = []
    for joint in COCO17.joints:
        side, _, name = joint.rpartition('_')
        x, y = left[name]
        points.append((x if side != 'right' else -x, y, 0.0))
    return np.add(points, (across, 0.3, distance))


def rays_of(points: np.ndarray) -> np.ndarray:
    return (points[..., :2] / points[..., 2:])[None]


ALL = np.ones((1, J), bool)


def settle(rays: np.ndarray, frames: int = 40) -> tuple[BodyState, np.ndarray]:
    state = BodyState.fresh(len(rays))
    for _ in range(frames):
        state, features, _ = normalise(state, rays, ALL)
    return state, features


def test_a_person_twice_as_far_looks_the_same_but_for_the_distance() -> None:
    _, near = settle(rays_of(standing(3.0) - (0, 0.3, 0)))
    _, far = settle(rays_of(standing(6.0) - (0, 0.3, 0)))
    np.testing.assert_allclose(near[:, OFFSETS], far[:, OFFSETS], atol=0.02)
    assert far[0, LOG_DISTANCE] - near[0, LOG_DISTANCE] == pytest.approx(np.log(2), abs=0.02)


def test_a_camera_turned_aside_sees_the_same_body() -> None:
    points = standing(4.0) - (0, 0.3, 0)
    turn = camera_from_view(np.array([[0.5, 0.0]]))[0]
    _, ahead = settle(rays_of(points))
    _, aside = settle(rays_of(points @ turn.T))
    np.testing.assert_allclose(ahead[:, OFFSETS], aside[:, OFFSETS], atol=0.005)
    assert abs(aside[0, MIDDLE][0] - ahead[0, MIDDLE][0]) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize('value', [0.0, 1e6, np.nan, np.inf])
def test_the_place_of_a_hidden_joint_does_not_matter(value: float,
                                                     rng: np.random.Generator) -> None:
    rays = rays_of(standing())
    state, _ = settle(rays)
    seen = rng.random((1, J)) < 0.6
    expected = normalise(state, rays, seen)
    garbage = np.where(seen[..., None], rays, value)
    got = normalise(state, garbage, seen)
    np.testing.assert_array_equal(expected[1], got[1])
    assert np.isfinite(got[1]).all()


def test_a_joint_that_is_not_finite_counts_as_hidden() -> None:
    rays = rays_of(standing())
    state, _ = settle(rays)
    seen = ALL.copy()
    seen[0, 3] = False
    expected = normalise(state, rays, seen)[1]
    rays[0, 3] = np.nan
    np.testing.assert_array_equal(expected, normalise(state, rays, ALL)[1])


def test_hidden_joints_move_with_the_joints_that_are_seen() -> None:
    points = standing()
    state, before = settle(rays_of(points))
    seen = ALL.copy()
    hidden = COCO17.indices('left_knee', 'left_ankle', 'right_knee', 'right_ankle')
    seen[0, hidden] = False
    for step in range(1, 11):
        rays = rays_of(np.add(points, (0.05 * step, 0, 0)))
        state, after, _ = normalise(state, np.where(seen[..., None], rays, 9.0), seen)
    np.testing.assert_allclose(before[:, OFFSETS], after[:, OFFSETS], atol=0.02)
    np.testing.assert_allclose(after[0, SHIFT], (0.5, 0), atol=0.1)       # ten times 5 cm


def test_one_wild_joint_does_not_move_the_others() -> None:
    rays = rays_of(standing())
    state, before = settle(rays)
    rays[0, COCO17.index('left_wrist')] += 0.5
    seen = ALL.copy()
    seen[0, COCO17.index('right_ankle')] = False
    _, after, _ = normalise(state, rays, seen)
    ankle = 2 * COCO17.index('right_ankle')
    np.testing.assert_allclose(before[0, ankle:ankle + 2], after[0, ankle:ankle + 2], atol=0.05)


def test_a_hidden_person_stays_in_the_world_while_a_known_camera_turns() -> None:
    points = standing()
    state, before = settle(rays_of(points))
    turn = camera_from_view(np.array([[0.3, 0.1]]))[0].T
    nothing = np.zeros((1, J), bool)
    after_state, after, _ = normalise(state, rays_of(points) * np.nan, nothing, turn)
    middle = np.append(state.middle[0], 1) @ turn.T
    np.testing.assert_allclose(after_state.middle[0], middle[:2] / middle[2], atol=0.01)
    _, still, _ = normalise(state, rays_of(points), nothing)
    np.testing.assert_allclose(still[:, MIDDLE], before[:, MIDDLE], atol=1e-9)
    assert not np.allclose(after[:, MIDDLE], before[:, MIDDLE], atol=0.05)


def test_people_do_not_disturb_each_other(rng: np.random.Generator) -> None:
    rays = rng.normal(0, 0.3, (5, 6, J, 2))                                # (T, N, J, 2)
    seen = rng.random((5, 6, J)) < 0.7
    together, alone = BodyState.fresh(6), [BodyState.fresh(1) for _ in range(6)]
    for t in range(5):
        together, features, view = normalise(together, rays[t], seen[t])
        for n in range(6):
            alone[n], one, one_view = normalise(alone[n], rays[t, n:n + 1], seen[t, n:n + 1])
            np.testing.assert_allclose(features[n], one[0], atol=1e-12)
            np.testing.assert_allclose(view[n], one_view[0], atol=1e-12)


def test_features_stay_bounded_whatever_comes(rng: np.random.Generator) -> None:
    state = BodyState.fresh(3)
    for _ in range(50):
        rays = rng.normal(0, 10, (3, J, 2)) * rng.choice([0, 1e-9, 1, 1e3], (3, 1, 1))
        state, features, view = normalise(state, rays, rng.random((3, J)) < 0.5)
        assert np.isfinite(features).all()
        assert np.abs(features).max() < 10
        gram = view @ np.swapaxes(view, -1, -2)
        np.testing.assert_allclose(gram, np.tile(np.eye(3), (3, 1, 1)), atol=1e-9)
