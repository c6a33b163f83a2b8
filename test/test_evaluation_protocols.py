"""What lifters are given in each protocol, and where they are judged."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_training_scenes import walker

from ros2_occpose.errors import ConfigError
from ros2_occpose.evaluation.protocols import PROTOCOLS, chosen_protocols, given_in
from ros2_occpose.evaluation.subjects import (
    frames_unseen,
    hidden_joints,
    in_world,
    subjects_of,
    visible_joints,
)
from ros2_occpose.skeleton import COCO17, H36M17
from ros2_occpose.training.views.scenes import Scenes, recorded_scenes

HEAD = H36M17.index('head')


@pytest.fixture(scope='module')
def scenes() -> Scenes:
    clips = [walker(320, f'walk/{i}', speed=0.004 * i) for i in range(8)]
    return recorded_scenes([*clips, walker(70, 'walk/short')], seed=1)


def test_nothing_is_hidden_in_clean(scenes: Scenes) -> None:
    given = given_in('clean', scenes, 0)
    assert given.counts.any()
    assert given.seen[given.counts].mean() > 0.999
    assert not given.counts[~scenes.valid].any()
    assert not given.seen[~scenes.valid].any()


@pytest.mark.parametrize('percent', [10, 25, 50, 70])
def test_random_masks_hide_their_share(scenes: Scenes, percent: int) -> None:
    given = given_in(f'random{percent}', scenes, 0)
    hidden = 1 - given.seen[given.counts].mean()
    assert hidden == pytest.approx(percent / 100, abs=0.02)


def test_random_masks_follow_from_the_seed(scenes: Scenes) -> None:
    one, same, other = (given_in('random50', scenes, seed).seen for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.2


def test_a_blackout_hides_everything_for_1600_ms_of_3200(scenes: Scenes) -> None:
    clean, given = (given_in(name, scenes, 0) for name in ('clean', 'blackout'))
    whole = clean.seen.all((2, 3))
    assert whole.any()
    anything = given.seen[whole].any(-1)                                         # (N, T)
    dark = (np.arange(320) - 48) % 96 < 48
    np.testing.assert_array_equal(anything, np.broadcast_to(~dark, anything.shape))


def test_people_and_things_hide_joints_apart(scenes: Scenes) -> None:
    for protocol, cause in (('self', 'hidden_by_self'), ('self', 'hidden_by_person'),
                            ('object', 'hidden_by_object'), ('object', 'out_of_view'),
                            ('self', 'out_of_view')):
        assert not (given_in(protocol, scenes, 0).seen & getattr(scenes, cause)).any()
    by_things = scenes.detected & scenes.hidden_by_object & ~scenes.hidden_by_self
    by_things &= ~scenes.hidden_by_person & ~scenes.out_of_view & scenes.valid[..., None]
    assert given_in('self', scenes, 0).seen[by_things].all()
    lost = scenes.valid[..., None] & ~scenes.detected
    assert not (given_in('self', scenes, 0).seen & lost).any()


def test_somebody_outside_the_image_is_not_judged_in_the_papers_protocols(scenes: Scenes) -> None:
    gone = scenes.out_of_view.copy()
    gone[:, :, 100:] = True
    given = given_in('clean', replace(scenes, out_of_view=gone), 0)
    assert not given.counts[:, :, 100:].any()
    assert not given.seen[:, :, 100:].any()


def test_nobody_is_judged_before_the_first_sight_or_long_after_the_last(scenes: Scenes) -> None:
    detected = np.zeros_like(scenes.detected)
    detected[:, :, 40:60] = True
    nothing = np.zeros_like(detected)
    easy = replace(scenes, detected=detected, hidden_by_self=nothing, hidden_by_person=nothing,
                   out_of_view=nothing, valid=np.ones_like(scenes.valid))
    counts = given_in('self', easy, 0).counts
    assert not counts[:, :, :40].any()
    assert counts[:, :, 40:60 + 75].all()                 # 2.5 s at 30 Hz
    assert not counts[:, :, 60 + 75:].any()


def test_hidden_joints_are_those_made_of_hidden_ones() -> None:
    seen = np.ones((1, 17), bool)
    seen[0, COCO17.index('left_hip')] = False
    hidden = {H36M17.joints[j] for j in np.flatnonzero(hidden_joints(seen)[0])}
    assert hidden == {'hip', 'left_hip', 'spine'}
    assert not visible_joints(seen)[0, HEAD]
    assert not hidden_joints(np.zeros((1, 17), bool))[0, HEAD]
    assert hidden_joints(np.zeros((1, 17), bool)).sum() == 16


def test_time_since_the_last_sight() -> None:
    seen = np.array([[0, 1, 0, 0, 1]], bool)
    unseen = frames_unseen(seen, axis=1)[0]
    assert unseen[0] > 10 ** 5
    assert unseen[1:].tolist() == [0, 1, 2, 0]


def test_subjects_are_where_the_scene_has_them(scenes: Scenes) -> None:
    subjects = subjects_of(scenes)
    hips = subjects.joints_camera[:, :, H36M17.index('hip')]
    world = in_world(hips, subjects)[subjects.valid]
    assert 0.7 < np.median(world[:, 2]) < 1.2                              # over the floor
    depth = hips[subjects.valid][:, 2]
    assert (depth > 0).mean() > 0.8


def test_protocols_come_in_our_order_and_unknown_ones_are_refused() -> None:
    assert chosen_protocols([]) == PROTOCOLS
    assert chosen_protocols(['object', 'clean']) == ('clean', 'object')
    with pytest.raises(ConfigError, match=r"'fog'; expected one of clean, random25"):
        chosen_protocols(['clean', 'fog'])
