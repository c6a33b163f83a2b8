"""What the occlusion-aware networks are taught by, and with which film."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_body_cylinder_man import person
from toy_motion import walkers

from ros2_occpose.body.cylinder_man import visibility
from ros2_occpose.errors import ConfigError
from ros2_occpose.lifting.network_config import PARTS
from ros2_occpose.lifting.normalise import FRESHNESS
from ros2_occpose.skeleton import COCO17, H36M17
from ros2_occpose.training.mocap.motion import h36m_of
from ros2_occpose.training.occlusion_rows import ROWS, Parts, chosen_parts, row
from ros2_occpose.training.people.bodies import sampling_weights
from ros2_occpose.training.views.film import Film, draw_film, virtual_views, watch
from ros2_occpose.training.views.raw import DEFAULT_CONFIDENCE, MEASURED

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from ros2_occpose.training.occlusion_losses import (  # noqa: E402
    Discriminator,
    asymmetry,
    fooling,
    squared,
    telling_apart,
    unexplained,
)
from ros2_occpose.training.occlusion_task import OcclusionTask, Weights  # noqa: E402
from ros2_occpose.training.systems import task_named  # noqa: E402

J = len(COCO17.joints)
WRIST = H36M17.index('left_wrist')


@pytest.fixture(scope='module')
def film() -> Film:
    motions = walkers()
    return draw_film(np.random.default_rng(0), motions, sampling_weights(motions), 24, 48)


def task(parts: Parts | None = None) -> OcclusionTask:
    made = task_named('occlusion_aware', channels=16, parts=parts)
    assert isinstance(made, OcclusionTask)
    return made


def test_the_rows_are_those_of_the_paper() -> None:
    assert len(ROWS) == 7
    assert row(1) == Parts.named(())
    assert row(3).names() == ('denoise', 'aware')
    assert row(7) == Parts()
    for before, after in zip(range(1, 7), range(2, 8)):
        assert set(row(after).names()) - set(row(before).names()) == {PARTS[before - 1]}
    assert chosen_parts(None, []) is None
    assert chosen_parts(None, ['adversary']) == replace(Parts(), adversary=False)
    assert Weights() == Weights(symmetry=0.2, adversary=0.1, in_space=1.0, regularise=0.1)


def test_impossible_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match='1 to 7 for --row, got 8'):
        row(8)
    with pytest.raises(ConfigError, match=r"'flow' .*expected one of denoise, aware"):
        Parts().without(['flow'])
    with pytest.raises(ConfigError, match='Expected aware with regularise'):
        Parts().without(['aware'])
    with pytest.raises(ConfigError, match='got gated'):
        task_named('gated', channels=8, parts=row(1))


def test_a_virtual_view_turns_the_body_and_nothing_else(film: Film) -> None:
    turned = virtual_views(np.random.default_rng(1), film)
    for body, other in zip(film.body_camera[..., :J, :], turned.body_camera[..., :J, :]):
        np.testing.assert_allclose(other.mean(1), body.mean(1), atol=1e-6)
        lengths = [np.linalg.norm(b[:, 5:] - b[:, 6:7], axis=-1) for b in (body, other)]
        np.testing.assert_allclose(*lengths, atol=1e-6)
        assert np.abs(other - body).max() > 0.05
    up = film.body_camera[..., J, :] - film.body_camera[..., 11:13, :].mean(-2)
    now = turned.body_camera[..., J, :] - turned.body_camera[..., 11:13, :].mean(-2)
    cosine = (up * now).sum(-1) / np.linalg.norm(up, axis=-1) / np.linalg.norm(now, axis=-1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 2 * 36     # twice two tilts


def test_in_a_virtual_view_the_cylinder_man_says_what_is_hidden(film: Film) -> None:
    turned = virtual_views(np.random.default_rng(1), film)
    assert film.solid.any()
    assert (~film.solid).any()
    behind = visibility(turned.body_camera) < 0.5
    assert turned.covered[film.solid][behind[film.solid]].all()
    masked = turned.covered.any((1, 2)) & ~film.solid
    assert masked.any()
    assert not masked[~film.solid].all()


def test_the_detector_guesses_hidden_joints_and_is_unsure_of_them(film: Film) -> None:
    raw, again = watch(film, DEFAULT_CONFIDENCE), watch(film, DEFAULT_CONFIDENCE)
    np.testing.assert_array_equal(raw.rays, again.rays)
    hidden = film.hidden()
    np.testing.assert_array_equal(raw.hidden, hidden)
    off = np.linalg.norm(raw.rays - film.true_rays(), axis=-1)
    depth = film.body_camera[..., :J, 2].mean(-1)[..., None]
    off_m = off * depth
    assert np.median(off_m[hidden]) > 3 * np.median(off_m[~hidden])
    assert (raw.scores[hidden] < 0.3).mean() > 0.6
    assert (raw.scores[~hidden] < 0.3).mean() < 0.1
    sure = watch(film, MEASURED)
    assert (sure.scores[hidden] < 0.3).mean() < 0.35          # 0 to 38 % were measured, by part
    low = hidden & (raw.scores < 0.25)
    assert np.median(off_m[low]) / 1.7 == pytest.approx(0.15, abs=0.03)      # 0.12 to 0.18
    assert raw.seen(None).all(-1)[raw.found].all()
    assert not raw.seen(0.3)[~raw.found].any()


def test_clips_without_truth_are_never_turned(film: Film) -> None:
    one, two = (task().prepare(film, view) for view in (0, 3))
    flat = one['labelled'] == 0
    assert flat.mean() == pytest.approx(0.25)
    np.testing.assert_array_equal(one['features'][flat], two['features'][flat])
    assert np.abs(one['target'][~flat] - two['target'][~flat]).max() > 0.1
    assert task().views > 1
    assert task(row(6)).views == 1


def test_labels_in_the_plane_agree_with_those_in_space(film: Film) -> None:
    """Where the camera is far, orthographic projection is nearly exact, up to the size."""
    far = replace(film, body_camera=film.body_camera + np.array([0, 0, 30.0]),
                  half_view=film.half_view * 0 + 9)
    made = task(row(1)).prepare(far)
    counts = made['counts'] > 0
    plane, space = made['plane'][counts], made['target'][counts][..., :2]
    size = (plane * space).sum((-1, -2)) / (space ** 2).sum((-1, -2))
    assert np.abs(plane - size[:, None, None] * space).mean() < 0.012
    seen = made['features'][..., FRESHNESS][counts] > 0.999
    given = made['features'][counts][..., :2 * J].reshape(-1, J, 2)
    assert np.median(np.linalg.norm(given - made['clean'][counts], axis=-1)[seen]) < 0.15


def test_removed_joints_are_those_below_the_threshold(film: Film) -> None:
    raw = watch(film, DEFAULT_CONFIDENCE)
    aware, unaware = task().prepare(film), task(row(2)).prepare(film)
    np.testing.assert_array_equal(aware['features'][..., FRESHNESS] > 0.999, raw.seen(0.3))
    np.testing.assert_array_equal(unaware['features'][..., FRESHNESS] > 0.999, raw.seen(None))


def test_a_body_with_equal_sides_has_no_asymmetry() -> None:
    body = torch.as_tensor(h36m_of(person()[None])[0], dtype=torch.float32)
    assert asymmetry(body) < 1e-6
    body[WRIST] += torch.tensor([0.0, 0.1, 0.0])
    assert asymmetry(body) > 0.1


def test_a_visible_joint_needs_an_explanation_for_being_missed() -> None:
    """Eq. 8: the hidden far wrist costs nothing when it is missed, a visible one does."""
    hidden_wrist = person(yaw_deg=90, left_wrist=(0.2, -1.1, 0.0), right_wrist=(-0.2, -1.1, 0.0))
    far = 'left_wrist' if hidden_wrist[COCO17.index('left_wrist'), 2] > 4 else 'right_wrist'
    joints = torch.as_tensor(h36m_of(hidden_wrist[None])[0])
    joints = (joints - joints[:1]).requires_grad_()
    reliable = torch.ones(J, dtype=joints.dtype)
    cost = {}
    for joint in ('left_wrist', 'right_wrist'):
        missed = reliable.clone()
        missed[COCO17.index(joint)] = 0
        loss = unexplained(joints, torch.tensor(4.0), missed)
        cost[joint] = float(loss.detach())
    near = {'left_wrist': 'right_wrist', 'right_wrist': 'left_wrist'}[far]
    assert cost[far] < 0.2 < 0.8 < cost[near] <= 1
    assert unexplained(joints, torch.tensor(4.0), reliable) == 0


def test_the_discriminator_learns_and_the_poses_follow() -> None:
    torch.manual_seed(0)
    judge = Discriminator(16)
    real, fake = torch.randn(8, 32, 17, 3) * 0.1, torch.randn(8, 32, 17, 3) * 0.3
    fake.requires_grad_()
    optimiser = torch.optim.Adam(judge.parameters(), 1e-2)
    first = float(telling_apart(judge, real, fake).detach())
    for _ in range(30):
        optimiser.zero_grad()
        loss = telling_apart(judge, real, fake)
        loss.backward()
        optimiser.step()
    assert fake.grad is None                              # generated poses are not taught by it
    assert float(loss.detach()) < 0.5 * first
    optimiser.zero_grad()
    before = fooling(judge, fake)
    before.backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in judge.parameters())
    assert float(fooling(judge, fake - 0.3 * fake.grad / fake.grad.norm(dim=-1, keepdim=True)
                         .clamp(min=1e-9)).detach()) < float(before.detach())


def test_squared_counts_decimetres_of_visible_joints() -> None:
    off = torch.zeros(1, 2, 3, 2)
    off[..., 0] = 0.1
    assert squared(off, torch.zeros_like(off)).tolist() == [pytest.approx([3.0, 3.0])]
    weights = torch.tensor([1.0, 0.0, 1.0])
    assert squared(off, torch.zeros_like(off), weights).tolist() == [pytest.approx([2.0, 2.0])]


def test_each_part_enters_the_loss(film: Film) -> None:
    torch.manual_seed(0)
    arrays = task().prepare(film)
    batch = {name: torch.as_tensor(array) for name, array in arrays.items()}
    values = []
    network = task(row(7)).build().eval()
    for number in (2, 3, 4, 5, 6):
        shown = task(row(number))
        if shown.parts.aware:
            shown = replace(shown, network=replace(network.config, parts=shown.network.parts))
            with torch.no_grad():
                values.append(float(shown.loss(network, batch)[0]))
    assert values[0] < values[1]                         # symmetry
    assert values[2] < values[3]                         # regularisation; adversary is in all


def test_at_first_each_tcn_learns_for_itself(film: Film) -> None:
    made = replace(task(row(3)), alone=1)
    arrays = made.prepare(film)
    batch = {name: torch.as_tensor(array) for name, array in arrays.items()}
    batch['clean'] = batch['clean'] * 0
    gradients = []
    torch.manual_seed(0)
    network = made.build().train()
    for _ in range(2):
        network.zero_grad()
        joints, *_ = network(batch['features'], batch['target'])
        joints.square().sum().backward()
        grad = network.places.weight.grad
        gradients.append(0.0 if grad is None else float(grad.abs().sum()))
    assert gradients[0] == 0
    assert gradients[1] > 0
