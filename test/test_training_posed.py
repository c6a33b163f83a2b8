"""People with parameters of a body: their truth agrees with itself, and things hide them."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_motion import walkers

from ros2_occpose.body.fit import rest_offsets
from ros2_occpose.body.kinematics import body_points, forward
from ros2_occpose.body.load import body_path, load_body
from ros2_occpose.body.model import BodyModel
from ros2_occpose.geometry import matrix_from_6d
from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.corpus import Corpus
from ros2_occpose.training.people.bodies import draw_crowds, sampling_weights
from ros2_occpose.training.people.crowd import arrays_of
from ros2_occpose.training.views.pasted import SHARES, paste, paste_share
from ros2_occpose.training.views.posed import (
    PosedFilm,
    as_body,
    draw_posed,
    posed_source,
)

BATCH, FRAMES = 48, 40


@pytest.fixture(scope='module', params=['cylinder', 'human'])
def body(request: pytest.FixtureRequest) -> BodyModel:
    if request.param == 'human' and not body_path().exists():
        pytest.skip('needs the human body: occpose models fetch body')
    return load_body(request.param)


@pytest.fixture(scope='module')
def film(body: BodyModel) -> PosedFilm:
    motions = walkers(people=2)
    rng = np.random.default_rng(3)
    return draw_posed(rng, motions, sampling_weights(motions), BATCH, FRAMES, body)


def test_points_are_those_of_shape_and_turns(film: PosedFilm, body: BodyModel) -> None:
    rotations = matrix_from_6d(film.turns.astype(float))
    offsets = rest_offsets(body, film.betas)
    joints, turns = forward(rotations, np.zeros((BATCH, FRAMES, 3)), offsets[:, None])
    points = body_points(joints, turns)
    around = film.body_camera - film.body_camera.mean(2, keepdims=True)
    np.testing.assert_allclose(points - points.mean(2, keepdims=True), around, atol=2e-3)


def test_rays_are_the_points_but_for_the_errors_of_the_detector(film: PosedFilm) -> None:
    joints = film.body_camera[:, :, :17]
    inside = film.detected & (joints[..., 2] > 1)
    off = np.linalg.norm(film.rays - joints[..., :2] / joints[..., 2:], axis=-1) * joints[..., 2]
    assert 0.005 < np.median(off[inside]) < 0.05                               # [m]


def test_feet_stay_on_the_floor(body: BodyModel, rng: np.random.Generator) -> None:
    motions = walkers(people=2)
    [crowd] = draw_crowds(rng, motions, sampling_weights(motions), 32, 60)
    stepped, before = lowest_ankles(*arrays_of(crowd))
    betas, people = as_body(rng, crowd, body)
    steps, after = lowest_ankles(*arrays_of(people))
    offsets = rest_offsets(body, betas)
    legs = np.linalg.norm(offsets[:, SMPL24.indices('left_knee', 'left_ankle')], axis=-1).sum(1)
    was = np.linalg.norm(crowd.offsets[:, SMPL24.indices('left_knee', 'left_ankle')],
                         axis=0).sum(0)
    scale = (legs / was)[:, None]
    assert np.abs(after - scale * before).max() < 0.02
    # who stands does not slide: the foot that carries moves as it did, in the scale of the legs
    assert np.median(np.abs(steps - scale * stepped)) < 0.005                  # [m a frame]


def lowest_ankles(rotations: np.ndarray, root: np.ndarray,
                  offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the lower ankle goes in a frame, and how high it is, (B, T - 1), (B, T) [m]."""
    joints, _ = forward(rotations, root, offsets[:, None])
    ankles = joints[:, :, SMPL24.indices('left_ankle', 'right_ankle')]
    moved = np.linalg.norm(np.diff(ankles[..., :2], axis=1), axis=-1)
    lower = ankles[:, 1:, :, 2].argmin(-1)[..., None]
    return np.take_along_axis(moved, lower, -1)[..., 0], ankles[..., 2].min(-1)


def test_something_is_covered_in_about_three_quarters(film: PosedFilm) -> None:
    assert 0.55 < film.covered.any((1, 2)).mean() < 0.9
    assert 0.05 < film.masked.mean() < 0.3
    assert 0.7 < film.detected.mean() < 1


def test_pasted_things_hide_all_shares_and_neighbours_together(rng: np.random.Generator) -> None:
    joints = np.array([(x, y) for x in np.linspace(-0.2, 0.2, 2) for y in np.linspace(-1, 1, 8)]
                      + [(0, -1.2)])
    sway = 0.1 * np.sin(np.arange(60) / 10)[:, None, None] * [1, 0]
    rays = np.broadcast_to(joints + sway, (400, 60, 17, 2)) / 4
    hidden = paste(rng, rays, np.full((400, 60), 0.25))
    there = hidden.any(2)
    shares = np.array([one[when].mean() for one, when in zip(hidden, there) if when.any()])
    assert len(shares) > 350
    low, high = np.quantile(shares, (0.05, 0.95))
    assert low < 0.2 < 0.55 < high <= 1
    assert SHARES[0] < np.median(shares) < SHARES[1]
    alike = (hidden[:, :, 0] == hidden[:, :, 1])[there].mean()
    apart = (hidden[:, :, 0] == hidden[:, :, 15])[there].mean()
    assert alike > apart + 0.1
    assert (hidden[:, 1:] != hidden[:, :-1]).mean() < 0.05                     # not flickering


def test_pasted_things_hide_the_asked_share_while_they_are_there(rng: np.random.Generator) -> None:
    rays = 0.2 * rng.normal(size=(3, 50, 17, 2))
    there = np.zeros((3, 50), bool)
    there[:2, 10:40] = True
    hidden = paste_share(rng, rays, np.ones((3, 50)), there, np.array([0.0, 0.4, 0.4]))
    np.testing.assert_allclose(hidden[:, 10:40].mean((1, 2)), [0, 0.4, 0], atol=0.002)
    assert not hidden[~there].any()


def test_corpus_keeps_posed_film_by_the_name_of_the_body(tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ros2_occpose.training.corpus.GROUP', 4)
    corpus = Corpus(walkers(), tmp_path, 1, 16, posed_source('cylinder'))
    first, again = corpus.group(0), corpus.group(0)
    [folder] = tmp_path.iterdir()
    assert folder.name.startswith('posed-cylinder-')
    assert first.turns.dtype == np.float16
    assert first.turns.shape == (4, 16, 24, 6)
    for name, array in vars(first).items():
        np.testing.assert_array_equal(array, getattr(again, name))


def test_source_of_a_file_depends_on_its_content(tmp_path: Path) -> None:
    (tmp_path / 'mine.npz').write_bytes(b'one')
    one = posed_source(str(tmp_path / 'mine.npz')).prefix
    (tmp_path / 'mine.npz').write_bytes(b'two')
    assert one.startswith('posed-mine')
    assert one != posed_source(str(tmp_path / 'mine.npz')).prefix
