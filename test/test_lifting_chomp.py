"""CHOMP's network: what hidden joints are to it, and how far it looks."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.errors import ModelError
from ros2_occpose.inference import load_session
from ros2_occpose.lifting import lift_sequences
from ros2_occpose.lifting.caching import CachedNetwork
from ros2_occpose.lifting.load import open_stepper
from ros2_occpose.lifting.metadata import NetworkMeta
from ros2_occpose.lifting.network_config import CHOMP_PARTS
from ros2_occpose.lifting.normalise import FRESHNESS, JOINTS

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from causal_networks import chomp, random_input  # noqa: E402

from ros2_occpose.body.load import load_body  # noqa: E402
from ros2_occpose.lifting.chomp_network import ChompNetwork  # noqa: E402
from ros2_occpose.training.export import export  # noqa: E402


def answers(net: ChompNetwork, features: np.ndarray) -> list[np.ndarray]:
    with torch.no_grad():
        return [part.numpy() for part in net(torch.as_tensor(features))]


@pytest.mark.parametrize('parts', [CHOMP_PARTS, ('local', 'spatial'), ('token',)])
def test_what_is_said_of_hidden_joints_does_not_matter(parts: tuple[str, ...],
                                                       rng: np.random.Generator) -> None:
    net = chomp(False, parts)
    features = random_input(rng, 2, 30)
    other = features.copy()
    hidden = features[..., FRESHNESS] < 0.999
    other[..., :2 * JOINTS].reshape(2, 30, JOINTS, 2)[hidden] += 3
    np.testing.assert_array_equal(answers(net, other)[0], answers(net, features)[0])
    other[0, 15, FRESHNESS.start:FRESHNESS.stop] = 1
    assert np.abs(answers(net, other)[0] - answers(net, features)[0]).max() > 1e-3


def test_a_hidden_joint_is_not_one_in_the_middle(rng: np.random.Generator) -> None:
    """With the constant 0 in the place of the token it is."""
    features = random_input(rng, 2, 20)
    features[..., FRESHNESS] = 1
    features[0, 10, :2] = 0
    hidden = features.copy()
    hidden[0, 10, FRESHNESS.start] = 0
    constant = chomp(False, ('local', 'spatial'))
    np.testing.assert_array_equal(answers(constant, hidden)[0], answers(constant, features)[0])
    token = chomp(False)
    assert np.abs(answers(token, hidden)[0] - answers(token, features)[0]).max() > 1e-4


@pytest.mark.parametrize('causal', [True, False])
def test_it_looks_as_far_as_it_says(causal: bool, rng: np.random.Generator) -> None:
    net = chomp(causal)
    features = random_input(rng, 2, 120)
    changed = features.copy()
    changed[:, 60] += 1
    differs = np.abs(answers(net, changed)[0] - answers(net, features)[0]).max((0, 2, 3)) > 1e-7
    reached = np.flatnonzero(differs)
    field = net.config.receptive_field
    expected = (60, 60 + field - 1) if causal else (60 - field // 2, 60 + field // 2)
    assert (reached.min(), reached.max()) == expected


def test_rotations_and_shape_give_the_joints(rng: np.random.Generator) -> None:
    joints, _, rotations, betas = answers(chomp(False), random_input(rng, 2, 10))
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-4)
    body = load_body('cylinder')
    people = body(betas, rotations, np.zeros(3))
    expected = people.h36m17 - people.h36m17[..., :1, :]
    np.testing.assert_allclose(joints, expected, atol=1e-4)


def test_long_clips_are_lifted_in_pieces(tmp_path: Path, rng: np.random.Generator,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'chomp.onnx'
    export(chomp(False), path)
    session = load_session(path, threads=1)
    rays, seen = rng.normal(0, 0.1, (1, 150, 17, 2)), rng.random((1, 150, 17)) < 0.7
    whole = lift_sequences(session, rays, seen)
    monkeypatch.setattr('ros2_occpose.lifting.clip._PIECE', 40)
    for one, other in zip(whole, lift_sequences(session, rays, seen)):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert whole.betas is not None
    assert NetworkMeta.of(session).body == 'cylinder'
    with pytest.raises(ModelError, match='looks both ways'):
        open_stepper(session)


def test_streaming_gives_rotations_and_shapes_of_the_window(tmp_path: Path,
                                                            rng: np.random.Generator) -> None:
    net = chomp()
    export(net, tmp_path / 'step.onnx')
    stream = open_stepper(load_session(tmp_path / 'step.onnx', threads=1))
    assert isinstance(stream, CachedNetwork)
    features = random_input(rng, 2, 40)
    lifted = stream.sequence(features)
    _, _, rotations, betas = answers(net, features)
    np.testing.assert_allclose(lifted.rotations, rotations, atol=1e-4)
    np.testing.assert_allclose(lifted.betas, betas, atol=1e-4)
