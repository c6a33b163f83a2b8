"""What CHOMP and its prior are taught by, and with what."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_motion import walkers

from ros2_occpose.body.load import load_body
from ros2_occpose.errors import ConfigError
from ros2_occpose.lifting.network_config import CHOMP_PARTS
from ros2_occpose.lifting.normalise import FRESHNESS, JOINTS
from ros2_occpose.training.chomp_rows import ROWS, row
from ros2_occpose.training.people.bodies import sampling_weights
from ros2_occpose.training.views.posed import PosedFilm, draw_posed

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from ros2_occpose.body.tree_torch import Tree, matrices_of  # noqa: E402
from ros2_occpose.training.chomp_losses import Skin, jitter, masked_l1, misshapen  # noqa: E402
from ros2_occpose.training.chomp_task import ChompTask, PriorTask  # noqa: E402
from ros2_occpose.training.systems import chomp_task  # noqa: E402
from ros2_occpose.training.trainer import save_checkpoint  # noqa: E402

SMALL = {'channels': 12, 'embedding': 6, 'width': 24, 'heads': 2, 'reach': 5}


@pytest.fixture(scope='module')
def film() -> PosedFilm:
    motions = walkers(people=2)
    return draw_posed(np.random.default_rng(1), motions, sampling_weights(motions), 16, 40,
                      load_body('cylinder'))


def lifting(**options: object) -> ChompTask:
    task = chomp_task('chomp', body='cylinder', **options)           # type: ignore[arg-type]
    assert isinstance(task, ChompTask)
    return replace(task, network=replace(task.network, **SMALL))     # type: ignore[arg-type]


def prior_task(number: int | None = None) -> PriorTask:
    task = chomp_task('chomp_prior', body='cylinder', number=number)
    assert isinstance(task, PriorTask)
    return replace(task, network=replace(task.network, **SMALL))     # type: ignore[arg-type]


def batch_of(task: ChompTask | PriorTask, film: PosedFilm) -> dict[str, torch.Tensor]:
    return {name: torch.as_tensor(array).float() for name, array in task.prepare(film).items()}


def test_turns_and_shapes_are_the_truth_of_the_joints(film: PosedFilm) -> None:
    task = lifting()
    batch = batch_of(task, film)
    learner = task.build()
    betas = batch['betas'][:, None].expand(-1, 40, -1)
    joints, skin = learner.posed(batch['six'], betas)
    np.testing.assert_allclose(joints, batch['target'], atol=2e-3)   # turns are kept in 16 bits
    assert skin.shape == (16, 40, 128, 3)


def test_the_prior_is_asked_for_what_was_hidden_from_it(film: PosedFilm) -> None:
    arrays = prior_task().prepare(film)
    places = arrays['features'][..., :2 * JOINTS].reshape(*arrays['target'].shape)
    seen = film.detected & ~film.covered
    np.testing.assert_allclose(arrays['target'][seen], places[seen], atol=1e-4)
    np.testing.assert_array_equal(arrays['masked'] > 0, film.detected & film.covered)
    np.testing.assert_array_equal(arrays['features'][..., FRESHNESS] > 0.999, seen)


def test_the_prior_is_judged_by_masked_entries_only() -> None:
    predicted = torch.zeros(1, 2, 17, 2)
    target, masked = predicted.clone(), torch.zeros(1, 2, 17)
    target[0, 1, 3] = torch.tensor([0.3, -0.1])
    target[0, 0, 0] = 9
    masked[0, 1, 3] = masked[0, 1, 4] = 1
    assert masked_l1(predicted, target, masked).item() == pytest.approx(0.2)


def test_smoothness_counts_changes_between_frames_that_count() -> None:
    joints = torch.zeros(1, 4, 17, 3)
    joints[0, 2:, 5] = torch.tensor([0.3, 0.0, -0.4])
    counts = torch.ones(1, 4)
    still = torch.zeros_like(joints)
    assert jitter(joints, still, counts).item() == pytest.approx(0.5 / 17 / 3)
    assert jitter(joints, joints + 0.1, counts).item() == pytest.approx(0, abs=1e-7)
    counts[0, 1] = 0
    assert jitter(joints, still, counts).item() == 0


def test_shapes_should_be_true_and_plain() -> None:
    betas = torch.ones(1, 3, 10)
    target = torch.zeros(1, 10)
    counts = torch.ones(1, 3)
    assert misshapen(betas, target, counts, 0.5).item() == pytest.approx(15)
    assert misshapen(betas, target + 1, counts, 0.0).item() == 0


def test_vertices_are_those_of_the_body(rng: np.random.Generator) -> None:
    model = load_body('cylinder')
    tree, skin = Tree.of(model), Skin(model, count=40)
    six = torch.as_tensor(rng.normal(size=(3, 24, 6)), dtype=torch.float32)
    betas = torch.as_tensor(rng.normal(size=(3, 10)), dtype=torch.float32)
    rotations = matrices_of(six)
    found = skin(tree, betas, *tree(betas, rotations))
    whole = model(betas.numpy(), rotations.numpy(), np.zeros((3, 3))).vertices
    near = np.linalg.norm(found.numpy()[:, :, None] - whole[:, None], axis=-1).min(2)
    assert near.max() < 1e-4
    assert np.ptp(found.numpy()[0], axis=0).min() > 0.1              # spread over the whole body


def test_the_rows_are_those_of_the_paper() -> None:
    assert len(ROWS) == 7
    assert row(1).parts == ('token',)
    assert row(4).parts == CHOMP_PARTS
    assert [n for n in range(1, 8) if row(n).prior] == [5, 6, 7]
    assert [n for n in range(1, 8) if row(n).smooth] == [2, 7]
    assert 'token' not in row(5).parts
    assert lifting(number=1).weights.smooth == 0 < lifting(number=2).weights.smooth
    with pytest.raises(ConfigError, match='Expected a row of 1 to 7'):
        row(8)
    with pytest.raises(ConfigError, match='Expected a --prior with --row 6, got None'):
        lifting(number=6)
    with pytest.raises(ConfigError, match='Expected no --prior with --row 4'):
        lifting(number=4, prior=Path('best.pt'))
    with pytest.raises(ConfigError, match='with --prior, got chomp_prior'):
        chomp_task('chomp_prior', prior=Path('best.pt'))


def test_lifting_begins_with_the_weights_of_the_prior(tmp_path: Path) -> None:
    path = tmp_path / 'best.pt'
    prior = prior_task().build()
    save_checkpoint(path, {'weights': prior.state_dict(),
                           'network': prior_task().network.as_dict()})
    learner = replace(lifting(), prior=path).build()
    for name, weights in prior.state_dict().items():
        torch.testing.assert_close(learner.prior.state_dict()[name], weights)
    other = replace(lifting(number=5, prior=path), prior=path)
    with pytest.raises(ConfigError, match='Expected a prior of the same network'):
        other.build()


def test_a_step_moves_all_of_the_network(film: PosedFilm) -> None:
    task = lifting()
    torch.manual_seed(0)
    learner = task.build()
    loss, parts = task.loss(learner, batch_of(task, film))
    loss.backward()
    idle = [name for name, weights in learner.named_parameters()
            if weights.grad is None and 'decoder' not in name]
    assert not idle
    assert set(parts) == {'mpjpe_mm', 'pve_mm', 'turns', 'nll'}


def test_a_width_that_does_not_divide_is_said() -> None:
    with pytest.raises(ConfigError, match='channels of chomp that 3 dilations can share, got 16'):
        chomp_task('chomp', channels=16)
