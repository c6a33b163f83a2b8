"""The comparison of detectors on rendered and on real pictures: its counting and its pictures."""
import sys

import numpy as np
import pytest
from conftest import ROOT
from rendering import needs_renderer
from toy_motion import walkers

from ros2_occpose.body.cylinder_mesh import cylinder_character
from ros2_occpose.types import Detections

sys.path.insert(0, str(ROOT / 'scripts'))
from labelled_people import Person, real_people
from measure_rendered_detector import ANNOTATORS, BINS_PX, Tally, marked_by_people
from rendered_stills import SIZE, rendered_still


def person(rng, height=200.0, hidden=()):
    points = rng.uniform(0, 1, (17, 2)) * (0.4 * height, height) + 50
    points[0, 1], points[16, 1] = 50, 50 + height
    seen = np.ones(17, bool)
    seen[list(hidden)] = False
    return Person(points, np.ones(17, bool), seen, ~seen, np.array([50, 50, 130, 50 + height]),
                  0.2 * height ** 2)


def detections(*keypoints, scores=0.9):
    points = np.stack(keypoints)
    boxes = np.concatenate([points.min(1), points.max(1)], 1)
    return Detections(boxes_px=boxes, keypoints_px=points, score=np.ones(len(points)),
                      scores=np.full(points.shape[:2], scores))


def test_a_tally_counts_who_is_found_and_how_far_off(rng):
    near, far, small = person(rng, hidden=(9,)), person(rng), person(rng, 60.0)
    tally = Tally()
    off = np.array([0.02 * 200, 0])
    people = [near, far, small]
    tally.add(people, [p.keypoints_px for p in people],
              detections(near.keypoints_px + off, far.keypoints_px + 900))
    assert tally.found == [True, False, False]
    shares = np.array([0.75, 0.0, 0.25, 0.0])
    assert tally.recall(shares) == pytest.approx(0.25 * 0.5)
    figures = tally.figures(shares)
    assert figures['error_seen'] == [pytest.approx(0.02), 16]
    assert figures['error_hidden'] == [pytest.approx(0.02), 1]
    assert figures['confidence_hidden'] == [pytest.approx(0.9), 1]
    assert figures['predicted'] == 2
    assert len(figures['recall_by_height']) == len(BINS_PX) - 1


def test_who_is_hardly_labelled_does_not_count(rng):
    some = person(rng)
    hardly = Person(some.keypoints_px, np.arange(17) < 6, some.seen, some.hidden, some.box_px,
                    some.area_px)
    tally = Tally()
    tally.add([hardly], [hardly.keypoints_px], detections(hardly.keypoints_px))
    assert tally.found == []


def test_annotators_are_as_far_off_as_coco_says(rng):
    somebody = person(rng)
    marked = np.stack([marked_by_people(somebody, rng) for _ in range(4000)])
    off = np.sqrt(((marked - somebody.keypoints_px) ** 2).sum(-1).mean(0))
    assert off == pytest.approx(ANNOTATORS * np.sqrt(somebody.area_px), rel=0.06)


@needs_renderer
def test_rendered_people_have_the_asked_height():
    cast = [cylinder_character(seed) for seed in range(5)]
    stills = [rendered_still(number, 3, cast, walkers(), np.array([200.0]))
              for number in (0, 1)]
    heights = [p.height_px for still in stills for p in still.people if p.whole]
    assert heights
    assert all(80 < height < 420 for height in heights)
    assert all(still.image.shape == (*SIZE[::-1], 3) for still in stills)
    again = rendered_still(1, 3, cast, walkers(), np.array([200.0]))
    assert np.array_equal(again.image, stills[1].image)


def test_real_people_are_brought_to_one_size(shared_data):
    pictures = list(real_people(shared_data / 'images'))
    assert all(max(image.shape[:2]) == 640 for _, image, _ in pictures)
    people = [p for _, _, some in pictures for p in some]
    assert sum(p.counts for p in people) > 25
    assert any(p.hidden.any() for p in people)
    for somebody in people:
        assert not (somebody.seen & somebody.hidden).any()
