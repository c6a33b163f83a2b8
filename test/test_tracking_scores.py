"""Ids over whole scenes: crowds behind pillars, misses, false and double detections."""
import numpy as np
import pytest
from scene import PERFECT, crowd
from tracking_scores import CAMERAS, Scores, compare, scenes, score


@pytest.mark.parametrize('camera', CAMERAS)
def test_crowds(camera):
    total = sum((score(s) for s in scenes(camera, range(40, 42))), Scores())
    assert total.idf1 > 0.75
    assert total.switches <= total.people
    assert total.ghosts <= 0.003 * total.answers    # of those who have left the image, mostly


def test_somebody_alone_is_one_id():
    alone = score(crowd(1, pillars=0, noise=PERFECT, seed=3))
    assert alone.switches == 0
    assert alone.right == alone.answers
    assert alone.truth - alone.answers <= 2 * alone.ids   # until believed


def test_scores_of_a_swap_counted_by_hand():
    """Two people for 10 frames; after 6 their ids are swapped; a ghost appears once."""
    truth = np.tile([0, 1], (10, 1))
    answers = [{1: 0, 2: 1}] * 6 + [{2: 0, 1: 1}] * 3 + [{2: 0, 1: 1, 3: -1}]
    assert compare(truth, answers) == Scores(truth=20, answers=21, right=12, switches=2, ghosts=1,
                                             people=2, ids=3)
    assert compare(truth, answers).idf1 == pytest.approx(2 * 12 / 41)
