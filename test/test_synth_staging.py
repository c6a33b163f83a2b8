"""People and cameras in a room: nobody slides, nobody walks through anything, the seed decides."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.body.cylinder_mesh import cylinder_character
from ros2_occpose.errors import ConfigError, DataError
from ros2_occpose.geometry import Camera
from ros2_occpose.synth import staging
from ros2_occpose.synth.camera_path import (
    KINDS,
    Disturbance,
    disturb,
    draw_camera_way,
    in_view,
)
from ros2_occpose.synth.floor import Floor, along_m, smooth_way
from ros2_occpose.synth.gait import along, contacts, cycle_of, pace_m_s, walk
from ros2_occpose.synth.staging import (
    Cast,
    Repertoire,
    grounded,
    groups_of,
    repertoire,
    stage,
)
from ros2_occpose.training.mocap.motion import load_motions
from ros2_occpose.training.people.crowd import arrays_of

SHELVES = Floor(half_m=(4.5, 4.0), centre=np.array([[-0.4, 1.2], [0.2, -1.5]]),
                half=np.array([[0.6, 0.2], [0.5, 0.5]]), yaw=np.array([0.4, -0.2]),
                height=np.array([1.8, 1.0]))
AREA = np.array([[-0.6, -3.4], [3.9, 3.4]])
ROLES = ('walk', 'walk', 'stand', 'dance', 'dance')
PEOPLE = tuple(cylinder_character(seed) for seed in range(len(ROLES)))
LENS = Camera.from_hfov(640, 480, 72)


@pytest.fixture(scope='module')
def plays(shared_data: Path) -> Repertoire:
    return repertoire(load_motions(shared_data / 'mocap', ('test',)))


def staged(plays: Repertoire, seed: int, fps: float = 30.0) -> Cast:
    return stage(np.random.default_rng(seed), plays, [p.offsets for p in PEOPLE], ROLES, SHELVES,
                 AREA, 10.0, fps)


def test_clearance_is_the_distance_to_what_is_nearest() -> None:
    floor = Floor(half_m=(5, 5), centre=np.array([[1.0, 0]]), half=np.array([[0.5, 0.2]]),
                  yaw=np.array([np.pi / 2]), height=np.array([1.0]))
    points = np.array([[1.0, 1.5], [1.7, 0.0], [4.8, 0.0], [1.0, 0.0], [1.3, 0.6]])
    assert floor.clearance(points) == pytest.approx([1.0, 0.5, 0.2, -0.2, np.hypot(0.1, 0.1)])


def test_furniture_hides_what_is_behind_it_and_not_over_it() -> None:
    floor = Floor(half_m=(5, 5), centre=np.array([[2.0, 0]]), half=np.array([[0.1, 0.5]]),
                  yaw=np.zeros(1), height=np.array([1.0]))
    points = np.array([[4, 0, 0.5], [4, 0, 1.8], [1, 0, 0.5], [4, 3, 0.5], [2, 0, 0.5]], float)
    hidden = floor.hides(np.array([[0, 0, 1.0]]), points[None, None])[0, 0]
    assert hidden.tolist() == [True, False, False, False, True]


def test_ways_are_smooth_and_evenly_spaced() -> None:
    way = smooth_way([(0, 0), (3, 0), (3, 3), (0, 3)])
    steps = np.linalg.norm(np.diff(way, axis=0), axis=-1)
    assert steps == pytest.approx(0.02, abs=1e-3)
    turns = np.diff(np.unwrap(np.arctan2(*np.diff(way, axis=0).T[::-1])))
    assert np.abs(turns).max() < 0.15
    place, angle = along(way, np.array([0.0, 1.0]))
    assert place[1] == pytest.approx([1.0, 0.0], abs=0.03)
    assert angle[0] == pytest.approx(0, abs=0.02)


def test_endless_steps_go_on_and_feet_stay_where_they_stand(shared_data: Path) -> None:
    [motion] = [m for m in load_motions(shared_data / 'mocap', ('test',))
                if m.name == 'walking/test_walking_1']
    cycle = cycle_of(motion)
    one = PEOPLE[0]
    way = smooth_way([(0, 0), (5, 0), (5, 5), (0, 5)])
    rotations, root, _ = arrays_of(walk(cycle, one.offsets, way, 240))
    gone = np.linalg.norm(np.diff(root[0, :, :2], axis=0), axis=-1).sum()
    assert gone == pytest.approx(8 * pace_m_s(cycle, one.offsets), rel=0.1)
    joints, _ = one.skeleton(rotations[0], root[0])
    slides = []
    for ankle in (7, 8):
        path = joints[:, ankle].T
        slides += [np.linalg.norm(np.ptp(path[:2, s], axis=1)) for s in contacts(path)]
    assert len(slides) > 10
    assert np.median(slides) < 0.02
    assert max(slides) < 0.08


def test_nobody_walks_through_furniture_or_people(plays: Repertoire) -> None:
    for seed in range(3):
        cast = staged(plays, seed)
        assert cast.root.shape == (5, 300, 3)
        assert SHELVES.clearance(cast.root[..., :2]).min() > 0.3
        apart = np.linalg.norm(cast.root[:, None, :, :2] - cast.root[None, :, :, :2], axis=-1)
        strangers = ~np.eye(5, dtype=bool)
        strangers[3, 4] = strangers[4, 3] = False
        assert apart[strangers].min() > 0.6
        assert 0.1 < apart[3, 4].mean() < 1.3
        assert np.ptp(cast.root[2], axis=0).max() < 0.6
        assert np.ptp(cast.root[0, :, :2], axis=0).max() > 2.0
        for walker in cast.root[:2, :, :2]:                 # nobody turns round on the spot
            step = np.diff(walker[::5], axis=0)
            turns = np.diff(np.unwrap(np.arctan2(step[:, 1], step[:, 0])))
            assert np.abs(turns).max() < 1.4


def test_ways_whose_corners_are_one_place_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    legs, drawn = [np.array([[0.0, -3.0], [0.01, -3.0]])], staging._leg
    monkeypatch.setattr(staging, '_leg', lambda *args: legs.pop() if legs else drawn(*args))
    gone, nobody = np.linspace(0.0, 9.0, 300), np.zeros((0, 300, 2))
    corners = staging._corners(np.random.default_rng(0), gone, SHELVES, AREA, nobody)
    assert not legs
    assert along_m(smooth_way(corners))[-1] > 9.0


def test_soles_are_on_the_floor(plays: Repertoire) -> None:
    cast = grounded(staged(plays, 1), PEOPLE)
    for i, one in enumerate(PEOPLE):
        lowest = one.lowest(cast.rotations[i], cast.root[i])
        assert np.abs(np.median(lowest)) < 0.01
        assert np.abs(lowest).max() < 0.05


def test_the_seed_decides_and_the_frame_rate_does_not(plays: Repertoire) -> None:
    first, again, other = (staged(plays, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.rotations, again.rotations)
    np.testing.assert_array_equal(first.root, again.root)
    assert not np.allclose(first.root, other.root)
    slow = staged(plays, 3, fps=10.0)
    np.testing.assert_allclose(slow.root, first.root[:, ::3], atol=1e-5)


def test_splits_keep_to_themselves(shared_data: Path, plays: Repertoire) -> None:
    tested = {name for name, _ in plays.walks} | {m.name for m in plays.stands}
    tested |= {m.name for pair in plays.pairs for m in pair}
    others = {m.name for m in load_motions(shared_data / 'mocap', ('train', 'validation'))}
    assert not tested & others
    assert len(plays.walks) > 5
    assert plays.pairs


def test_impossible_casts_are_refused(plays: Repertoire) -> None:
    with pytest.raises(ConfigError, match='two by two'):
        groups_of(('dance', 'walk'))
    full = Floor(half_m=(4.5, 4.0), centre=np.zeros((1, 2)), half=np.full((1, 2), 4.0),
                 yaw=np.zeros(1), height=np.ones(1))
    with pytest.raises(DataError, match='fewer people or fewer occluders'):
        stage(np.random.default_rng(0), plays, [PEOPLE[0].offsets], ('stand',), full, AREA, 3, 30)


@pytest.mark.parametrize('kind', KINDS)
def test_cameras_stay_clear_and_see_people(kind: str, plays: Repertoire) -> None:
    cast = staged(plays, 2)
    filming = np.array([[-3.9, -3.0], [-1.8, 3.0]])
    way = draw_camera_way(np.random.default_rng(5), kind, cast.root, SHELVES, filming, 30.0, LENS)
    eye = way.world_from_camera[:, :3, 3]
    assert SHELVES.clearance(eye[:, :2]).min() >= 0.4
    assert np.linalg.norm(cast.root[..., :2] - eye[:, :2], axis=-1).min() >= 1.3
    assert in_view(way, cast.root, LENS) > 0.5
    turns = way.world_from_camera[:, :3, :3]
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.tile(np.eye(3), (300, 1, 1)),
                               atol=1e-9)
    assert (turns[:, 2, 1] < -0.8).all()                # the image's y points down
    np.testing.assert_allclose(way.world_from_base @ way.base_from_camera, way.world_from_camera,
                               atol=1e-12)
    gone = np.linalg.norm(np.diff(eye, axis=0), axis=-1)
    moves = kind in ('robot', 'handheld')
    assert (gone.sum() > 1.0) == moves
    assert gone.max() * 30 < 2.0
    if kind == 'robot':
        assert 0.25 < eye[:, 2].mean() < 1.35
        assert np.abs(way.world_from_base[:, 2, 3]).max() < 0.02
    if kind == 'pan':
        yaw = np.unwrap(np.arctan2(turns[:, 1, 2], turns[:, 0, 2]))
        assert np.ptp(yaw) > np.radians(15)


def test_wrong_poses_are_as_wrong_as_asked() -> None:
    frames = 4000
    stamps = (np.arange(frames) * 1e9 / 30).astype(np.int64)
    true = np.tile(np.eye(4), (frames, 1, 1))
    true[:, 0, 3] = np.arange(frames) / 30              # 1 m/s along x
    for memory_s in (0.0, 2.0):
        how = Disturbance(turn_deg=1.0, shift_m=0.02, memory_s=memory_s)
        wrong = disturb(np.random.default_rng(0), true, stamps, how)
        shift = np.linalg.norm(wrong[:, :3, 3] - true[:, :3, 3], axis=-1)
        angle = np.degrees(np.arccos((np.trace(wrong[:, :3, :3], axis1=1, axis2=2) - 1) / 2))
        assert np.sqrt((shift ** 2).mean()) == pytest.approx(0.02, rel=0.25)
        assert np.sqrt((angle ** 2).mean()) == pytest.approx(1.0, rel=0.25)
        change = np.linalg.norm(np.diff(wrong[:, 1:3, 3], axis=0), axis=-1).mean()
        assert (change < 0.006) == (memory_s > 0)
    late = disturb(np.random.default_rng(0), true, stamps, Disturbance(late_s=0.02))
    np.testing.assert_allclose(late[10:, 0, 3], true[10:, 0, 3] - 0.02, atol=1e-6)
    assert str(Disturbance(turn_deg=1, shift_m=0.02, late_s=0.02)) == (
        '1 deg, 2 cm and stamps 20 ms late')
