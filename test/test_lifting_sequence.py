"""What stands in for hidden joints in whole sequences."""
from __future__ import annotations

import numpy as np
import pytest
from toy_motion import walkers

from ros2_occpose.lifting.normalise import FRESHNESS, MEMORY_FRAMES
from ros2_occpose.lifting.sequence import FILLS, blend, interpolate, normalise_sequences
from ros2_occpose.skeleton import COCO17

T = 60
WRIST = COCO17.index('left_wrist')


def turning(frames: int = T) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rays (1, T, 17, 2) of a walker seen by a camera that turns; now_from_last; all seen."""
    body = walkers(people=1, frames=frames)[0].joints_coco.astype(float)
    level = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)       # camera_from_world
    angles = 0.25 * np.sin(np.arange(frames) / 6)
    rays, turns = [], []
    for points, angle in zip(body, angles):
        c, s = np.cos(angle), np.sin(angle)
        camera_from_world = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ level
        camera = (points + np.array([0, 6, -1])) @ camera_from_world.T
        rays.append(camera[:, :2] / camera[:, 2:])
        turns.append(camera_from_world)
    stacked = np.stack(turns)
    now_from_last = np.tile(np.eye(3), (1, frames, 1, 1))
    now_from_last[0, 1:] = stacked[1:] @ np.swapaxes(stacked[:-1], -1, -2)
    return np.stack(rays)[None], now_from_last, np.ones((1, frames, 17), bool)


def test_lines_go_from_the_last_sight_to_the_next() -> None:
    rays = np.zeros((1, 7, 17, 2))
    rays[0, :, WRIST, 0] = [9, 1, 5, 5, 5, 3, 9]
    seen = np.ones((1, 7, 17), bool)
    seen[0, :, WRIST] = [False, True, False, False, False, True, False]
    seen[0, :, 0] = False
    filled, known = interpolate(rays, seen)
    np.testing.assert_allclose(filled[0, :, WRIST, 0], [1, 1, 1.5, 2, 2.5, 3, 3])
    assert known[0, :, WRIST].all()
    assert not known[0, :, 0].any()
    assert (filled[0, :, 0] == 0).all()


def test_blending_follows_the_body_and_the_camera() -> None:
    rays, turn, seen = turning()
    seen[0, 20:32, WRIST] = False
    filled, _ = blend(rays, seen, turn)
    lines, _ = interpolate(rays, seen)
    error = np.abs(filled - rays)[0, 20:32, WRIST].max()
    assert error < 0.25 * np.abs(lines - rays)[0, 20:32, WRIST].max()
    assert error * 6 < 0.12          # metres at the distance of the walker
    np.testing.assert_allclose(filled[seen], rays[seen])


def test_when_all_is_hidden_blending_knows_the_turn_of_the_camera() -> None:
    rays, turn, seen = turning()
    seen[0, 20:30] = False
    knowing, _ = blend(rays, seen, turn)
    guessing, _ = blend(rays, seen)
    off = [np.abs(filled - rays)[0, 20:30].mean() for filled in (knowing, guessing)]
    assert off[0] < 0.5 * off[1]


@pytest.mark.parametrize('fill', FILLS)
def test_freshness_says_how_long_a_joint_is_unseen(fill: str) -> None:
    rays, turn, seen = turning()
    seen[0, 20:40, WRIST] = False
    seen[0, :, 0] = False
    fresh = normalise_sequences(rays, seen, turn, fill=fill).features[0, :, FRESHNESS]  # type: ignore[arg-type]
    assert (fresh[:20, WRIST] == 1).all()
    assert fresh[20, WRIST] == pytest.approx(np.exp(-1 / MEMORY_FRAMES))
    last = 20 if fill == 'hold' else 1
    assert fresh[39, WRIST] == pytest.approx(np.exp(-last / MEMORY_FRAMES))
    assert (fresh[:, 0] == 0).all()


@pytest.mark.parametrize('fill', FILLS)
def test_what_is_hidden_does_not_matter(fill: str) -> None:
    rays, turn, seen = turning()
    seen[0, 20:40, WRIST] = False
    expected = normalise_sequences(rays, seen, turn, fill=fill).features        # type: ignore[arg-type]
    rays[~seen] = 77.0
    np.testing.assert_array_equal(
        normalise_sequences(rays, seen, turn, fill=fill).features, expected)    # type: ignore[arg-type]
