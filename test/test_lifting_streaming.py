"""One frame at a time must give what the whole window gives, whoever comes and goes."""
from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.errors import ModelError
from ros2_occpose.geometry import Camera
from ros2_occpose.inference import Session, load_session
from ros2_occpose.lifting import lift_clip
from ros2_occpose.lifting.metadata import NetworkMeta
from ros2_occpose.lifting.normalise import FEATURES, FRESHNESS
from ros2_occpose.lifting.streaming import StepNetwork

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from ros2_occpose.lifting.gated_network import GatedNetwork  # noqa: E402
from ros2_occpose.lifting.network_config import NetworkConfig  # noqa: E402
from ros2_occpose.training.calibration import Calibration  # noqa: E402
from ros2_occpose.training.export import export  # noqa: E402
from ros2_occpose.training.step_module import StepLayer  # noqa: E402

T, J = 260, 17


def network(causal: bool = True, channels: int = 16) -> GatedNetwork:
    """Random weights that use every part of the network."""
    torch.manual_seed(3)
    net = GatedNetwork(NetworkConfig(causal=causal, fill='hold' if causal else 'interpolate',
                                     channels=channels, gates=8))
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(module.weight, 1, 0.2)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    for head in (net.heads.joints, net.heads.direct, net.heads.log_std):
        torch.nn.init.normal_(head.weight, std=0.1)
    return net.eval()


def random_input(rng: np.random.Generator, people: int, frames: int = T) -> np.ndarray:
    features = rng.normal(0, 0.5, (people, frames, FEATURES)).astype(np.float32)
    features[..., FRESHNESS] = rng.random((people, frames, J)) < 0.7
    features[:, frames // 3:frames // 2, FRESHNESS] = 0.3
    return features


def window(net: GatedNetwork, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        joints, log_std = net(torch.as_tensor(features))
    return joints.numpy(), torch.exp(log_std).numpy()


@pytest.fixture(scope='module')
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    path = tmp_path_factory.mktemp('export') / 'step.onnx'
    export(network(), path, about={'commit': 'test'})
    return load_session(path, threads=1)


def test_streaming_equals_the_window(session: Session, rng: np.random.Generator) -> None:
    features = random_input(rng, 2)
    joints, std = StepNetwork(session).sequence(features)
    expected, expected_std = window(network(), features)
    assert np.abs(expected).max() > 0.2
    np.testing.assert_allclose(joints, expected, atol=1e-4)
    np.testing.assert_allclose(std, expected_std, atol=1e-4)


def test_people_may_join_and_leave_at_any_time(session: Session, rng: np.random.Generator) -> None:
    features = random_input(rng, 3)
    expected, _ = window(network(), features)
    late, _ = window(network(), features[1:2, 40:])   # person 1 comes at 40
    step, joints = StepNetwork(session), {}
    step.choose([-1, -1])                                             # people 0 and 2
    for t in range(T):
        if t == 40:
            step.choose([1, -1, 0])                                   # now 2, 1, 0
        if t == 200:
            step.choose([1, 0])                                       # now 1, 2
        now = [0, 2] if t < 40 else [2, 1, 0] if t < 200 else [1, 2]
        answers, _ = step.step(features[now, t])
        joints |= {(person, t): row for person, row in zip(now, answers)}
    for t in (0, 39, 40, 120, 199):
        np.testing.assert_allclose(joints[0, t], expected[0, t], atol=1e-4)
    for t in (0, 41, 199, 200, T - 1):
        np.testing.assert_allclose(joints[2, t], expected[2, t], atol=1e-4)
    for t in (40, 41, 199, 200, T - 1):
        np.testing.assert_allclose(joints[1, t], late[0, t - 40], atol=1e-4)


def test_a_frame_not_remembered_changes_nothing_later(session: Session,
                                                      rng: np.random.Generator) -> None:
    features = random_input(rng, 1, 40)
    expected, _ = StepNetwork(session).sequence(features)
    step = StepNetwork(session)
    step.choose([-1])
    for t in range(40):
        other, _ = step.step(features[:, t] + 1, remember=False)
        joints, _ = step.step(features[:, t])
        np.testing.assert_allclose(joints, expected[:, t], atol=1e-6)
        assert np.abs(other - joints).max() > 1e-3


@pytest.mark.parametrize('causal', [True, False])
def test_only_the_causal_network_ignores_later_frames(causal: bool,
                                                      rng: np.random.Generator) -> None:
    net = network(causal)
    features = random_input(rng, 1)
    before, _ = window(net, features)
    features[:, 151:] += 1
    after, _ = window(net, features)
    changed = np.abs(after - before).max(axis=(0, 2, 3)) > 1e-6
    assert changed[151]
    assert changed[:151].any() != causal


def test_an_answer_depends_on_243_frames(rng: np.random.Generator) -> None:
    net = network()
    assert net.config.receptive_field == 243
    features = random_input(rng, 1)
    before, _ = window(net, features)
    features[:, 5] += 5
    after, _ = window(net, features)
    changed = np.flatnonzero(np.abs(after - before).max(axis=(0, 2, 3)) > 1e-7)
    assert changed[0] == 5
    assert changed[-1] <= 5 + 242
    assert changed[-1] > 5 + 200


def test_what_looks_both_ways_is_exported_as_a_whole(tmp_path: Path,
                                                     rng: np.random.Generator) -> None:
    net = network(causal=False)
    export(net, tmp_path / 'gated.onnx')
    session = load_session(tmp_path / 'gated.onnx')
    features = random_input(rng, 2, 100)
    out = session({'features': features})
    expected, _ = window(net, features)
    np.testing.assert_allclose(out['joints'], expected, atol=1e-4)
    assert not NetworkMeta.of(session).causal
    with pytest.raises(ModelError, match='Expected a causal network'):
        StepNetwork(session)


def test_export_refuses_a_file_that_disagrees(tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    honest = StepLayer.forward
    monkeypatch.setattr(StepLayer, 'forward', lambda layer, x: honest(layer, x) + 1e-3)
    with pytest.raises(ModelError, match=r'to agree with torch within 0\.0001 m, got'):
        export(network(), tmp_path / 'wrong.onnx')
    assert not list(tmp_path.iterdir())


def test_the_calibration_is_in_the_file(tmp_path: Path, rng: np.random.Generator) -> None:
    export(network(), tmp_path / 'other.onnx', calibration=Calibration(2.0, 3.0))
    session = load_session(tmp_path / 'other.onnx')
    features = random_input(rng, 1, 20)
    features[:, :10, FRESHNESS] = 1
    features[:, 10:, FRESHNESS] = 0.9
    _, std = StepNetwork(session).sequence(features)
    stated = window(network(), features)[1]
    np.testing.assert_allclose(std[:, :10], 2 * stated[:, :10], rtol=1e-4)
    np.testing.assert_allclose(std[:, 10:], 3 * stated[:, 10:], rtol=1e-4)
    assert session.metadata['calibration'] == '2.0000,3.0000'


class Says:
    """A session of which only the metadata matters."""

    backend = 'none'

    def __init__(self, metadata: dict[str, str]) -> None:
        self.metadata = metadata


@pytest.mark.parametrize(('name', 'value'), [
    ('normalisation', 'view-0'), ('input_skeleton', 'openpose25'), ('fps', '25'),
    ('output_skeleton', 'smpl24')])
def test_a_model_for_another_pipeline_is_refused(session: Session, name: str, value: str) -> None:
    NetworkMeta.of(session)
    with pytest.raises(ModelError, match=rf"expects a model with {name} = .*, got '{value}'"):
        NetworkMeta.of(Says({**session.metadata, name: value}))       # type: ignore[arg-type]


def test_a_model_that_says_nothing_is_refused(session: Session) -> None:
    with pytest.raises(ModelError, match='got None'):
        NetworkMeta.of(Says({}))                                      # type: ignore[arg-type]
    lacking = {k: v for k, v in session.metadata.items() if k != 'dilations'}
    with pytest.raises(ModelError, match='dilations'):
        NetworkMeta.of(Says(lacking))                                 # type: ignore[arg-type]


@pytest.mark.parametrize('fps', [30.0, 12.0, 60.0])
def test_a_clip_lifted_both_ways_uses_later_frames(tmp_path: Path, rng: np.random.Generator,
                                                   fps: float) -> None:
    export(network(causal=False), tmp_path / 'gated.onnx')
    session = load_session(tmp_path / 'gated.onnx', threads=1)
    camera = Camera.from_hfov(640, 480, 70)
    pixels, scores = rng.uniform(100, 300, (41, 17, 2)), np.ones((41, 17))
    before, std = lift_clip(session, pixels, scores, camera, fps)
    assert before.shape == (41, 17, 3)
    assert std.shape == (41, 17)
    pixels[25:] += 30
    after, _ = lift_clip(session, pixels, scores, camera, fps)
    assert np.abs(after - before)[22].max() > 1e-6
    assert np.isfinite(lift_clip(session, pixels[:1], scores[:1], camera, fps)[0]).all()
