"""The occlusion-aware networks: what they are fed, and how far they look."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.inference import load_session
from ros2_occpose.lifting import lift_sequences
from ros2_occpose.lifting.metadata import NetworkMeta
from ros2_occpose.lifting.network_config import PARTS
from ros2_occpose.lifting.normalise import FRESHNESS

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from causal_networks import occlusion_aware as network  # noqa: E402
from causal_networks import random_input, window  # noqa: E402

from ros2_occpose.lifting.occlusion_network import is_seen, told  # noqa: E402
from ros2_occpose.training.export import export  # noqa: E402

J = 17
REACH = 257               # frames that an answer of both TCNs depends on


@pytest.mark.parametrize('causal', [True, False])
def test_both_forms_reach_over_as_many_frames(causal: bool, rng: np.random.Generator) -> None:
    """The causal one over the past, the other over half as much past as future."""
    net = network(causal)
    assert net.config.receptive_field == REACH
    features = random_input(rng, 1, 2 * REACH)
    changed = features.copy()
    changed[:, REACH] += 3
    off = np.abs(window(net, changed)[0] - window(net, features)[0]).max(axis=(0, 2, 3))
    frames = np.flatnonzero(off > 1e-7) - REACH
    if causal:
        assert frames[0] == 0
        assert REACH // 2 < frames[-1] < REACH
    else:
        # a stride looks from where it stands: some frames more to one side
        assert -REACH // 2 - 8 <= frames[0] < -40
        assert 40 < frames[-1] <= REACH // 2 + 8


@pytest.mark.parametrize('frames', [1, 2, 3, 5, 30, 31, 33])
def test_windows_of_any_length_are_exported(frames: int, rng: np.random.Generator,
                                            tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / 'occlusion_window.onnx'
    net = network(causal=False)
    if not path.exists():
        export(net, path)
    session = load_session(path, threads=1)
    features = random_input(rng, 2, frames)
    out = session({'features': features})
    np.testing.assert_allclose(out['joints'], window(net, features)[0], atol=1e-4)
    meta = NetworkMeta.of(session)
    assert meta.kernel == 5
    assert session.metadata['parts'] == ','.join(PARTS)


@pytest.mark.parametrize('causal', [True, False])
def test_what_was_said_of_a_removed_joint_changes_nothing(causal: bool, tmp_path: Path,
                                                          rng: np.random.Generator) -> None:
    net = network(causal)
    export(net, tmp_path / 'whole.onnx')
    session = load_session(tmp_path / 'whole.onnx', threads=1)
    rays = rng.normal(0, 0.2, (2, 40, J, 2))
    seen = rng.random((2, 40, J)) < 0.7
    one = lift_sequences(session, rays, seen).joints
    two = lift_sequences(session, rays + 9 * ~seen[..., None], seen).joints
    np.testing.assert_array_equal(one, two)
    assert np.abs(lift_sequences(session, rays + 0.02, seen)[0] - one).max() > 1e-3


def test_the_first_tcn_does_not_fill(rng: np.random.Generator) -> None:
    features = torch.as_tensor(random_input(rng, 2, 40))
    net = network(causal=False)
    with torch.no_grad():
        flat = net.denoised(features)
    hidden = is_seen(features).repeat_interleave(2, -1) == 0
    given = told(features, aware=True)
    assert ((flat - given)[..., :2 * J][hidden] == 0).all()
    assert (flat - given)[..., :2 * J][~hidden].abs().mean() > 0.01
    torch.testing.assert_close(flat[..., 2 * J:], given[..., 2 * J:])


def test_the_flags_are_not_told_who_is_not_aware(rng: np.random.Generator) -> None:
    features = random_input(rng, 1, 20)
    told = features.copy()
    told[..., FRESHNESS] = 1
    net = network(causal=True, parts=())
    np.testing.assert_array_equal(window(net, features)[0], window(net, told)[0])
    assert net.config.receptive_field == 129
