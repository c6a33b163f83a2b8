"""Scenes: paths that cross, things that hide, and a test set that is the clips themselves."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_training_data import stickman

from ros2_occpose.errors import DataError
from ros2_occpose.training.mocap.motion import BODY, Motion
from ros2_occpose.training.people.bodies import sampling_weights
from ros2_occpose.training.views.occluders import Boxes, draw_boxes
from ros2_occpose.training.views.placing import place
from ros2_occpose.training.views.scenes import Scenes, draw_scenes, join, recorded_scenes
from ros2_occpose.types import Bools, Floats


def walker(frames: int, name: str, split: str = 'test', speed: float = 0.03) -> Motion:
    """Somebody who walks along +x."""
    still = stickman(frames)
    root = still.root.copy()
    root[:, 0] = speed * np.arange(frames)
    return replace(still, name=name, split=split, root=root)


CLIPS = [walker(700, 'walk/long'), walker(50, 'walk/short'), walker(90, 'run/a', speed=0.08),
         walker(320, 'salsa/14', speed=0.0), walker(320, 'salsa/29', speed=0.001),
         walker(90, 'salsa/15#0'), walker(120, 'salsa/30')]


@pytest.fixture(scope='module')
def held_out() -> Scenes:
    return recorded_scenes(CLIPS, seed=3)


@pytest.fixture(scope='module')
def drawn() -> Scenes:
    motions = [walker(400, 'walk/a'), walker(400, 'stand/b', speed=0.001)]
    return draw_scenes(np.random.default_rng(1), motions, sampling_weights(motions), 24, 3, 150)


def in_world(scenes: Scenes, scene: int, person: int) -> Floats:
    """Back to where the person is, (T, 18, 3)."""
    turn, position = scenes.cameras.rotation[scene], scenes.cameras.position[scene]
    return scenes.body_camera[scene, person] @ np.swapaxes(turn, -1, -2) + position[:, None]


def distances(body: Floats) -> Floats:
    """What neither turn nor shift changes, (T, 17): from each joint to the head."""
    return np.linalg.norm(body[:, :-1] - body[:, -1:], axis=-1)


def test_recorded_scenes_are_the_clips_only_turned_and_shifted(held_out: Scenes) -> None:
    bodies = {clip.name: clip.body for clip in CLIPS}
    watched = dict.fromkeys(bodies, 0)
    for scene, names in enumerate(held_out.names):
        for person, name in enumerate(names):
            valid = held_out.valid[scene, person]
            assert valid.any() == bool(name)
            if not name:
                continue
            body = in_world(held_out, scene, person)[valid]
            watched[name] += len(body)
            np.testing.assert_allclose(distances(body), distances(bodies[name])[:len(body)],
                                       atol=1e-4)
            np.testing.assert_allclose(body[..., 2], bodies[name][:len(body), :, 2], atol=1e-4)
            gone = np.linalg.norm(body[-1, 0, :2] - body[0, 0, :2])
            there = np.linalg.norm(np.diff(bodies[name][[0, len(body) - 1], 0, :2], axis=0))
            assert gone == pytest.approx(there, abs=1e-3)
    assert watched == {clip.name: 2 * len(clip) for clip in CLIPS}      # each frame by two cameras


def test_recorded_scenes_hold_up_to_four_people_and_keep_dancers(held_out: Scenes) -> None:
    many = [recorded_scenes(CLIPS, seed) for seed in range(4)]
    count = np.concatenate([s.valid.any(-1).sum(1) for s in many])
    assert set(count) <= {1, 2, 3, 4}
    assert len(set(count)) >= 3
    for names in held_out.names:
        assert ('salsa/14' in names) == ('salsa/29' in names)
    for scene, names in enumerate(held_out.names):
        if 'salsa/14' in names:
            one, two = (in_world(held_out, scene, names.index(n))[:, 0] for n in names[:2])
            if set(names[:2]) == {'salsa/14', 'salsa/29'}:
                assert np.linalg.norm(one - two, axis=-1).max() < 0.5


def test_recorded_scenes_depend_on_their_seed_only(held_out: Scenes) -> None:
    again, other = recorded_scenes(CLIPS, seed=3), recorded_scenes(CLIPS, seed=4)
    for name in ('body_camera', 'rays', 'detected', 'hidden_by_self', 'hidden_by_person',
                 'hidden_by_object', 'out_of_view', 'valid'):
        np.testing.assert_array_equal(getattr(again, name), getattr(held_out, name))
    assert again.names == held_out.names
    assert other.names != held_out.names or not np.array_equal(other.rays, held_out.rays)


def test_without_test_clips_there_is_no_test() -> None:
    with pytest.raises(DataError, match='test split'):
        recorded_scenes([walker(30, 'walk/a', split='train')])


def test_where_nobody_is_nothing_is(held_out: Scenes) -> None:
    nobody = ~held_out.valid.any(-1)
    assert nobody.any()
    assert not held_out.detected[nobody].any()
    assert not held_out.hidden_by_person[nobody].any()
    assert not held_out.body_camera[nobody].any()


def test_rays_and_borders_belong_to_the_bodies(drawn: Scenes) -> None:
    points = drawn.body_camera[..., :17, :]
    inside = drawn.detected & ~drawn.out_of_view
    error = np.abs(points[..., :2] / points[..., 2:] - drawn.rays)[inside]
    assert np.median(error) < 0.02
    rays = points[..., :2] / np.maximum(points[..., 2:], 0.3)
    half = drawn.cameras.half_view[:, None, None, None]
    expected = (np.abs(rays) > half).any(-1) | (points[..., 2] < 0.3)
    assert (expected == drawn.out_of_view).mean() > 0.999
    assert 0.02 < drawn.out_of_view.mean() < 0.4
    leaves = drawn.out_of_view.all(-1)
    assert (leaves.any(-1) & ~leaves.all(-1)).any()                     # people enter and leave
    assert (drawn.detected & drawn.out_of_view).mean() < 0.01


def test_all_ways_of_hiding_occur(drawn: Scenes) -> None:
    for mask, least, most in ((drawn.hidden_by_self, 0.03, 0.4),
                              (drawn.hidden_by_person, 0.02, 0.3),
                              (drawn.hidden_by_object, 0.05, 0.4)):
        assert least < mask.mean() < most
    by_person = drawn.hidden_by_person.mean((0, 1, 2))
    assert by_person.min() > 0.005                                      # any joint may be
    assert (drawn.hidden_by_person.mean(-1) > 0.7).any()                # some vanish altogether


def test_paths_cross_in_the_image_but_not_in_the_room(drawn: Scenes) -> None:
    hips = drawn.body_camera[:, :, :, BODY.index('left_hip')]           # (S, P, T, 3)
    across = hips[..., 0] / np.maximum(hips[..., 2], 0.3)
    order = across[:, 0] > across[:, 1]
    crossed = order.any(1) & ~order.all(1)
    assert crossed.mean() > 0.25
    apart = np.linalg.norm(hips[:, :, None] - hips[:, None], axis=-1)   # (S, P, P, T)
    apart = apart[:, ~np.eye(3, dtype=bool)]
    assert np.percentile(apart, 1) > 0.5
    assert (apart < 0.3).mean() < 0.01


def test_people_who_belong_together_are_placed_as_one(rng: np.random.Generator) -> None:
    one = stickman(80).body
    two = one + np.array([0.4, 0.3, 0], np.float32)
    alone = stickman(80).body
    pair, single = place(rng, [np.stack([one, two]), alone[None]], 0.7, 80)
    apart = np.linalg.norm(pair[0] - pair[1], axis=-1)
    np.testing.assert_allclose(apart, 0.5, atol=1e-4)
    assert np.linalg.norm(single[0].mean(1) - pair[0].mean(1), axis=-1).min() > 0.4


def solid(box: Boxes, points: Floats) -> Bools:
    """Which points lie inside the only box of the only room."""
    c, s = np.cos(box.yaw[0, 0]), np.sin(box.yaw[0, 0])
    local = (points - box.centre[0, 0]) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return np.asarray((np.abs(local) < box.half[0, 0]).all(-1))


def test_boxes_hide_what_a_brute_force_ray_says(rng: np.random.Generator) -> None:
    found, expected = [], []
    share = np.linspace(0, 1, 1500)[:, None]
    for _ in range(25):
        box = Boxes(rng.normal(0, 0.4, (1, 1, 3)), rng.uniform(0.2, 1.2, (1, 1, 3)),
                    rng.uniform(-3, 3, (1, 1)))
        camera = rng.normal(0, 1, 3)
        camera *= 3 / np.linalg.norm(camera)
        points = rng.normal(0, 2.0, (1, 1, 1, 17, 3))
        found.append(box.hide(camera[None, None], points)[0, 0, 0])
        expected.append([solid(box, camera + share * (p - camera)).any()
                         for p in points[0, 0, 0]])
    assert 0.1 < np.mean(expected) < 0.7
    assert np.mean(np.array(found) == np.array(expected)) > 0.99


def test_furniture_stays_and_leaves_room(drawn: Scenes) -> None:
    there = drawn.boxes.half[..., 0] > 0
    assert 0.3 < there.mean() < 1
    np.testing.assert_allclose(drawn.boxes.centre[there][:, 2], drawn.boxes.half[there][:, 2])
    for scene in range(len(drawn)):
        bodies = np.stack([in_world(drawn, scene, person) for person in range(3)])
        flat = bodies[:, ::4].reshape(1, -1, 3)
        one = Boxes(drawn.boxes.centre[scene:scene + 1], drawn.boxes.half[scene:scene + 1],
                    drawn.boxes.yaw[scene:scene + 1])
        assert not (one.contain(flat, 0.1) & there[scene]).any()
        path = drawn.cameras.position[scene:scene + 1]
        assert not (one.contain(path, 0.25) & there[scene]).any()


def test_a_room_without_space_has_no_furniture(rng: np.random.Generator) -> None:
    crowd = np.stack(np.meshgrid(*[np.linspace(-4, 4, 60)] * 2, [0.2, 0.6]), -1)
    bodies = crowd.reshape(1, 1, 1, -1, 3)
    boxes = draw_boxes(rng, np.array([[[2.0, 0, 1]]]), bodies, 3)
    assert not boxes.half.any()


def test_scenes_of_different_size_are_joined(drawn: Scenes) -> None:
    both = join([drawn, drawn], 4)
    assert both.rays.shape == (2 * len(drawn), 4, 150, 17, 2)
    assert not both.valid[:, 3].any()
    assert both.valid[:, :3].all()
    assert {len(names) for names in both.names} == {4}
