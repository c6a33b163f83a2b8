"""Who comes back is known by the clothes; strangers and people in a uniform are not."""
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scene import VGA, Moment, behind_pillar, crossing, make_scene
from tracked import ids_of
from walker import Walker

from ros2_occpose.config import TrackingConfig
from ros2_occpose.skeleton import COCO17
from ros2_occpose.tracking import load_tracker
from ros2_occpose.tracking.appearance import COLOURS, blended, colour_likeness, describe

RED, BLUE, GREEN = (40, 40, 190), (190, 90, 40), (60, 150, 60)     # BGR
TRUNK = COCO17.indices('left_shoulder', 'right_shoulder', 'right_hip', 'left_hip')
LEGS = COCO17.indices('left_hip', 'left_knee', 'right_knee', 'right_hip')
AWAY_S = 4.0


def dressed(moments: list[Moment], colours: list[tuple[int, int, int]],
            seed: int = 0) -> list[Moment]:
    """The same with images in which each person wears a colour, under light that changes."""
    rng = np.random.default_rng(seed)
    out = []
    for moment in moments:
        image = np.full((VGA.height, VGA.width, 3), 120, np.uint8)
        for points, colour in zip(moment.keypoints_px, colours):
            if np.isfinite(points).all():
                for part, shade in ((TRUNK, 1.0), (LEGS, 0.4)):
                    corners = np.rint(points[part])
                    wider = np.concatenate([corners - (6, 0), corners + np.array([6, 0])])
                    hull = cv2.convexHull(wider.astype(np.int32))
                    cv2.fillConvexPoly(image, hull, [shade * c for c in colour])
        light = rng.uniform(0.85, 1.15)
        noisy = image * light + rng.normal(0, 6, image.shape)
        out.append(replace(moment, frame=replace(
            moment.frame, image=np.clip(noisy, 0, 255).astype(np.uint8))))
    return out


def leaves_and_returns(*, stranger: bool = False) -> list[Moment]:
    """Somebody walks out of the image to the right, and in again; or somebody else comes in."""
    end = 2.5 + AWAY_S
    way = [(0, 4, 0), (2, 4, -3.2), (2.5, 4, -3.6)], [(end, 4, -3.6), (end + 2.5, 4, 0)]
    if stranger:
        return list(make_scene([Walker(way[0]), Walker(way[1])], seconds=end + 2.5))
    return list(make_scene([Walker([*way[0], *way[1]])], seconds=end + 2.5))


def test_who_comes_back_gets_the_id_of_before():
    assert ids_of(dressed(leaves_and_returns(), [RED]))[0][-1] == 1


def test_without_memory_or_without_images_it_is_somebody_new():
    assert ids_of(dressed(leaves_and_returns(), [RED]), remember_s=0.0)[0][-1] != 1
    assert ids_of(dressed(leaves_and_returns(), [RED]), remember_s=AWAY_S / 2)[0][-1] != 1
    assert ids_of(leaves_and_returns())[0][-1] != 1


@pytest.mark.parametrize(('at_first', 'later', 'same'), [(10.0, 0.0, False), (1.0, 10.0, True)])
def test_the_memory_is_live(at_first, later, same):
    moments = dressed(leaves_and_returns(), [RED])
    tracker = load_tracker(TrackingConfig(remember_s=at_first))
    for k, moment in enumerate(moments):
        if k == len(moments) // 4:          # before anybody is gone
            tracker.adjust(TrackingConfig(remember_s=later))
        tracks = tracker.update(moment.detections, moment.frame)
    assert (tracks.ids.tolist() == [1]) == same


def test_a_stranger_gets_an_id_of_his_own():
    ids = ids_of(dressed(leaves_and_returns(stranger=True), [RED, BLUE]))
    assert 1 not in ids[1]


def test_clothes_that_others_wear_too_tell_nothing():
    end = 2.5 + AWAY_S
    people = [Walker([(0, 4, 0), (2, 4, -3.2), (2.5, 4, -3.6)]),
              Walker([(end, 4, -3.6), (end + 2.5, 4, 0)]),
              Walker([(0, 5, 1.5), (end + 2.5, 5, 1.5)])]
    moments = list(make_scene(people, seconds=end + 2.5))
    uniform = ids_of(dressed(moments, [RED, RED, RED]))
    assert not set(uniform[0]) & set(uniform[1])
    # only one who is away wears it: taken for the one who went
    assert set(ids_of(dressed(moments, [RED, RED, BLUE]))[1]) & {1, 2}


def test_nobody_is_where_he_cannot_have_gone():
    """Red goes out on the right; a moment later somebody in red comes in far on the left."""
    people = [Walker([(0, 12, 0), (1.6, 12, -7.5)]), Walker([(3.2, 12, 7.5), (5.5, 12, 3)])]
    ids = ids_of(dressed(list(make_scene(people, seconds=5.5)), [RED, RED]), max_gap_s=0.5)
    assert not set(ids[0]) & set(ids[1])


@pytest.mark.parametrize('moments', [behind_pillar(hidden_s=1.0), crossing()],
                         ids=['pillar', 'crossing'])
def test_clothes_do_not_disturb_who_is_followed(moments):
    ids = ids_of(dressed(list(moments), [RED, GREEN]))
    assert all(len(had) == 1 for had in ids.values())


def test_colours_need_a_trunk_of_some_size_inside_the_image():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (480, 640, 3)).astype(np.uint8)
    person = np.zeros((17, 2))
    person[TRUNK] = [(340, 100), (300, 100), (305, 180), (335, 180)]
    person[COCO17.indices('left_knee', 'right_knee')] = [(335, 260), (305, 260)]
    seen = np.ones((1, 17), bool)
    whole = describe(image, person[None], seen)
    assert whole.shape == (1, COLOURS)
    assert np.isfinite(whole).all()
    assert colour_likeness(whole, whole)[0, 0] == pytest.approx(1)

    hidden = seen.copy()
    hidden[0, TRUNK[0]] = False
    small = person * 0.2 + (300, 200)
    outside = person + np.array([600, 0])
    for points, visible in ((person, hidden), (small, seen), (outside, seen)):
        nothing = describe(image, points[None], visible)
        assert np.isnan(nothing).all()
        assert np.isnan(colour_likeness(whole, nothing)).all()
        np.testing.assert_array_equal(blended(whole, nothing, 0.5), whole)
        np.testing.assert_array_equal(blended(nothing, whole, 0.5), whole)
    grey = np.repeat(image[..., :1], 3, axis=2)
    for useless in (np.zeros((0, 0, 3), np.uint8), np.full_like(image, 90), grey):
        assert np.isnan(describe(useless, person[None], seen)).all()
