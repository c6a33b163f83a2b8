"""The tree in torch: what `BodyModel` says of joints, without the skin."""
from __future__ import annotations

import numpy as np
import pytest

from ros2_occpose.body.kinematics import body_points, forward, h36m_of
from ros2_occpose.body.load import load_body
from ros2_occpose.body.model import BodyModel
from ros2_occpose.geometry import matrix_from_6d, rotation_6d
from ros2_occpose.skeleton import SMPL24

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from ros2_occpose.body.tree_torch import LEVELS, Tree, matrices_of  # noqa: E402


@pytest.fixture(scope='module')
def model() -> BodyModel:
    return load_body('cylinder')


@pytest.fixture
def people(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    rotations = matrix_from_6d(rng.normal(size=(5, 3, 24, 6)))
    return rng.normal(size=(5, 3, 10)), rotations


def test_joints_are_those_of_the_body(model: BodyModel,
                                      people: tuple[np.ndarray, np.ndarray]) -> None:
    betas, rotations = people
    joints, turns = Tree.of(model)(*(torch.as_tensor(a, dtype=torch.float32) for a in people))
    expected = model(betas, rotations, np.zeros(3)).joints
    np.testing.assert_allclose(joints, expected, atol=2e-5)
    assert joints.shape == (5, 3, 24, 3)
    np.testing.assert_allclose(turns.mT @ turns, np.broadcast_to(np.eye(3), turns.shape),
                               atol=1e-5)


def test_h36m_is_that_of_all_other_lifters(model: BodyModel,
                                           people: tuple[np.ndarray, np.ndarray]) -> None:
    tree = Tree.of(model)
    joints, turns = tree(*(torch.as_tensor(a, dtype=torch.float32) for a in people))
    betas, rotations = people
    rest = np.stack([model.rest(one)[1] for one in betas.reshape(-1, 10)]).reshape(5, 3, 24, 3)
    offsets = rest - rest[..., [0, *SMPL24.parents[1:]], :]
    expected = h36m_of(body_points(*forward(rotations, np.zeros((5, 3, 3)), offsets)))
    expected -= expected[..., :1, :]
    np.testing.assert_allclose(tree.h36m17(joints, turns), expected, atol=2e-5)


def test_levels_go_from_parents_to_children() -> None:
    before, known = [0], {0}
    for children, parents in LEVELS:
        assert [before[parent] for parent in parents] == [SMPL24.parents[c] for c in children]
        assert not known & set(children)
        known |= set(children)
        before = children
    assert known == set(range(24))


def test_six_numbers_give_the_nearest_rotation(rng: np.random.Generator) -> None:
    six = rng.normal(size=(40, 6))
    np.testing.assert_allclose(matrices_of(torch.as_tensor(six)), matrix_from_6d(six), atol=1e-6)
    matrices = matrix_from_6d(six)
    np.testing.assert_allclose(matrices_of(torch.as_tensor(rotation_6d(matrices))), matrices,
                               atol=1e-6)


def test_gradients_reach_shape_and_turns(model: BodyModel) -> None:
    six = torch.zeros(2, 24, 6)
    six[..., 0] = six[..., 4] = 1.0
    six.requires_grad_()
    betas = torch.zeros(2, 10, requires_grad=True)
    tree = Tree.of(model)
    (tree.h36m17(*tree(betas, matrices_of(six))) ** 2).sum().backward()
    assert six.grad is not None
    assert betas.grad is not None
    assert betas.grad.abs().max() > 0
    assert six.grad[:, SMPL24.index('left_knee')].abs().max() > 0
