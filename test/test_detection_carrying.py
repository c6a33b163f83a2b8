"""Keypoints carried by optical flow between the looks of the network."""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ros2_occpose.config import DetectionConfig
from ros2_occpose.detection.blazepose import Sightings
from ros2_occpose.detection.blazepose_boxes import Candidates
from ros2_occpose.detection.blazepose_landmarks import Landmarks
from ros2_occpose.detection.carrying import Carrier
from ros2_occpose.detection.multi_person import MultiPersonDetector
from ros2_occpose.detection.regions import to_image
from ros2_occpose.types import Detections, Floats, Image

SIZE = (640, 480)
SIDE = 140.0                                # of everybody's region [px]
PLACES = np.array([(100, 120), (320, 120), (540, 120), (100, 350), (320, 350), (540, 350)], float)
STEP = np.array([5.3, -2.6])                # of the whole picture [px a frame]
rng = np.random.default_rng(7)
POSTURE = rng.uniform(0.25, 0.75, (33, 2))  # joints in a region
TEXTURE = cv2.GaussianBlur(rng.integers(0, 256, (900, 900, 3)).astype(np.uint8), (0, 0), 3)
TEXTURE = cv2.normalize(TEXTURE, None, 0, 255, cv2.NORM_MINMAX)


def picture(shift: Floats, turn: float = 0.0) -> Image:
    """The texture moved by `shift` [px] and turned about the middle of the image [rad]."""
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
    middle = np.array(SIZE) / 2
    matrix[:, 2] = middle - matrix[:, :2] @ middle + shift - matrix[:, :2] @ (130, 130)
    return np.asarray(cv2.warpAffine(TEXTURE, matrix, SIZE, borderMode=cv2.BORDER_REFLECT),
                      np.uint8)


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)


def regions_at(places: Floats) -> Floats:
    return np.column_stack([places, np.full(len(places), SIDE), np.zeros(len(places))])


class Stage:
    """Stands for both networks: knows where everybody is, and counts who was looked at."""

    def __init__(self, count: int) -> None:
        self.places = PLACES[:count].copy()
        self.looked: list[Floats] = []
        self.searches = 0

    def boxes(self, image: Image, tiles: Floats, known_px: Floats, sides_px: Floats) -> Candidates:
        self.searches += len(tiles)
        new = [p for p in self.places if not len(known_px)
               or np.linalg.norm(known_px.mean(1) - p, axis=1).min() > SIDE / 2]
        regions = regions_at(np.reshape(new, (-1, 2)))
        return Candidates(regions, np.ones(len(regions)))

    def landmarks(self, image: Image, regions: Floats) -> Landmarks:
        if not len(regions):
            self.looked.append(np.zeros(0, int))
            none = np.zeros((0, 33))
            return Landmarks(np.zeros((0, 33, 2)), none, none, none, np.zeros(0), regions)
        who = np.linalg.norm(regions[:, None, :2] - self.places, axis=-1).argmin(-1)
        self.looked.append(who)
        there, n = regions_at(self.places)[who], len(regions)
        sure = np.full((n, 33), 0.99)
        return Landmarks(to_image(np.repeat(POSTURE[None], n, 0), there), sure, sure, sure,
                         np.full(n, 0.99), there)


def detector(stage: Stage, **options: object) -> MultiPersonDetector:
    return MultiPersonDetector(stage.boxes, stage.landmarks, 'stage',       # type: ignore[arg-type]
                               DetectionConfig(tiles_per_frame=4, **options))


def film(count: int, frames: int, moving: bool = True, first: int = 0,
         **options: object) -> tuple[list[Detections], Stage, MultiPersonDetector]:
    """What is said of a moving picture, or of noise that moves nowhere."""
    stage = Stage(count)
    detect = detector(stage, **options)
    said = []
    for t in range(first, first + frames):
        stage.places = PLACES[:count] + STEP * t * moving
        said.append(detect(picture(STEP * t) if moving else noise(t)))
    return said, stage, detect


def same(a: list[Detections], b: list[Detections]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for one, other in zip(a, b)
        for name in ('boxes_px', 'keypoints_px', 'scores', 'score'))


def people(count: int = 2) -> Sightings:
    points = to_image(np.repeat(POSTURE[None, :17], count, 0), regions_at(PLACES[:count]))
    boxes = np.hstack([points.min(1), points.max(1)])
    return Sightings(points, np.full((count, 17), 0.9), np.full(count, 0.9), boxes,
                     regions_at(PLACES[:count]))


@pytest.mark.parametrize(('shift', 'turn'), [((6.4, -3.7), 0.0), ((-2.2, 9.1), 0.03)])
def test_keypoints_follow_the_picture(shift: tuple[float, float], turn: float) -> None:
    carrier, before = Carrier(), people()
    carrier(picture(np.zeros(2)), before, np.zeros((2, 2)))
    after, believed = carrier(picture(np.array(shift), turn), before, np.zeros((2, 2)))
    middle = np.array(SIZE) / 2
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    # the texture turns about its own point that is in the middle of the image, then moves
    truth = (before.keypoints_px - middle + 130) @ turned.T - turned @ (130, 130) + middle + shift
    assert believed.all()
    assert np.linalg.norm(after.keypoints_px - truth, axis=-1).max() < 0.5
    np.testing.assert_allclose(after.scores, before.scores)
    np.testing.assert_allclose(after.regions[:, :2] - before.regions[:, :2],
                               (truth - before.keypoints_px).mean(1), atol=1.0)


def test_expected_motion_is_where_the_search_begins() -> None:
    """60 px in a frame is beyond the reach of flow, and is not if the person is known to run."""
    shift = np.array([60.0, 0.0])
    for known, velocity in ((True, shift - 3), (False, 0 * shift)):
        carrier, before = Carrier(), people()
        carrier(picture(0 * shift), before, np.zeros((2, 2)))
        after, believed = carrier(picture(shift), before, np.tile(velocity, (2, 1)))
        assert believed.all() == known
        if known:
            np.testing.assert_allclose(after.keypoints_px, before.keypoints_px + shift, atol=0.5)


def test_a_joint_that_flow_loses_moves_with_the_person_and_is_trusted_less() -> None:
    carrier, before, shift = Carrier(), people(1), np.array([4.0, 3.0])
    carrier(picture(0 * shift), before, np.zeros((1, 2)))
    image = picture(shift)
    far = int(np.linalg.norm(before.keypoints_px[0] - PLACES[0], axis=-1).argmax())
    x, y = np.rint(before.keypoints_px[0, far] + shift).astype(int)
    image[y - 12:y + 13, x - 12:x + 13] = 0
    after, believed = carrier(image, before, np.zeros((1, 2)))
    assert believed.all()
    np.testing.assert_allclose(after.keypoints_px[0, far],
                               before.keypoints_px[0, far] + shift, atol=1.0)
    assert after.scores[0, far] < before.scores[0, far]


@pytest.mark.parametrize('after', [noise(1), np.full((480, 640, 3), 90, np.uint8),
                                   np.ascontiguousarray(picture(np.zeros(2))[:400])])
def test_flow_that_fails_is_not_believed(after: Image) -> None:
    carrier, before = Carrier(), people()
    carrier(picture(np.zeros(2)), before, np.zeros((2, 2)))
    assert not carrier(after, before, np.zeros((2, 2)))[1].any()


def test_there_is_no_flow_without_an_image_before() -> None:
    carrier = Carrier()
    assert not carrier(picture(np.zeros(2)), people(), np.zeros((2, 2)))[1].any()
    carrier.reset()
    assert not carrier(picture(np.zeros(2)), people(), np.zeros((2, 2)))[1].any()


def test_nobody_to_carry_is_no_problem() -> None:
    carrier = Carrier()
    for t in range(2):
        after, believed = carrier(picture(STEP * t), Sightings.none(), np.zeros((0, 2)))
        assert len(after) == len(believed) == 0


def test_the_network_looks_at_everybody_in_every_frame_at_interval_one() -> None:
    _, stage, _ = film(4, 12)
    assert all(sorted(set(looked)) == [0, 1, 2, 3] for looked in stage.looked)


def test_where_flow_fails_it_is_as_if_there_was_no_interval() -> None:
    every, _, _ = film(4, 12, moving=False)
    some, stage, _ = film(4, 12, moving=False, keypoint_interval=3)
    assert same(every, some)
    assert all(len(looked) >= 4 for looked in stage.looked)


@pytest.mark.parametrize(('count', 'interval'), [(1, 2), (4, 2), (6, 2), (6, 3), (3, 3)])
def test_everybody_has_a_turn_and_the_load_is_even(count: int, interval: int) -> None:
    said, stage, _ = film(count, 12 + 2 * interval, keypoint_interval=interval)
    late = stage.looked[-2 * interval:]
    loads = [len(looked) for looked in late]
    assert max(loads) - min(loads) <= 1
    assert sorted(np.concatenate(late[:interval])) == list(range(count))
    assert all(len(one) == count for one in said[3:])


def test_carried_people_are_where_the_network_sees_them() -> None:
    every, _, _ = film(4, 16)
    some, _, _ = film(4, 16, keypoint_interval=3)
    for one, other in zip(every[4:], some[4:]):
        a = one.keypoints_px[np.lexsort(one.boxes_px.round(-2).T[:2])]
        b = other.keypoints_px[np.lexsort(other.boxes_px.round(-2).T[:2])]
        assert np.linalg.norm(a - b, axis=-1).max() < 1.0


def test_people_who_overlap_are_looked_at_in_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), 'PLACES', np.array([(200, 200), (250, 200), (500, 300)], float))
    _, stage, _ = film(3, 16, keypoint_interval=2)
    late = np.concatenate(stage.looked[-4:])
    assert [int((late == who).sum()) for who in range(3)] == [4, 4, 2]


def test_search_in_turn_is_put_off_only_while_somebody_is_followed() -> None:
    _, nobody, _ = film(0, 12, search_interval=3)
    assert nobody.searches == 4 * 12
    _, somebody, _ = film(1, 32, search_interval=3)
    assert somebody.searches < 4 * 32 / 2


def test_reset_is_a_fresh_start_and_a_replay_says_the_same() -> None:
    options = {'keypoint_interval': 2, 'search_interval': 2}
    first, stage, detect = film(4, 14, **options)
    again, _, _ = film(4, 14, **options)
    assert same(first, again)
    detect.reset()
    replayed = []
    for t in range(14):
        stage.places = PLACES[:4] + STEP * t
        replayed.append(detect(picture(STEP * t)))
    assert same(first, replayed)


def test_the_interval_may_change_while_people_are_followed() -> None:
    stage = Stage(4)
    detect = detector(stage)
    config = DetectionConfig(tiles_per_frame=4)
    for t, interval in enumerate([1] * 6 + [3] * 6 + [2] * 6 + [1] * 2):
        detect.adjust(replace(config, keypoint_interval=interval))
        stage.places = PLACES[:4] + STEP * t
        assert t < 2 or len(detect(picture(STEP * t))) == 4
    assert len(stage.looked[-1]) == 4
