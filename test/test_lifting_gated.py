"""Files of the gated network: how far they look, what they say of themselves and of their std."""
from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.errors import ModelError
from ros2_occpose.geometry import Camera
from ros2_occpose.inference import Session, load_session
from ros2_occpose.lifting import lift_clip
from ros2_occpose.lifting.load import open_stepper
from ros2_occpose.lifting.metadata import NetworkMeta
from ros2_occpose.lifting.normalise import FRESHNESS

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from causal_networks import gated as network  # noqa: E402
from causal_networks import random_input, window  # noqa: E402

from ros2_occpose.training.calibration import Calibration  # noqa: E402
from ros2_occpose.training.export import export  # noqa: E402
from ros2_occpose.training.step_module import StepLayer  # noqa: E402

T = 260


@pytest.fixture(scope='module')
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    path = tmp_path_factory.mktemp('export') / 'step.onnx'
    export(network(), path, about={'commit': 'test'})
    return load_session(path, threads=1)


def test_what_looks_both_ways_needs_later_frames(rng: np.random.Generator) -> None:
    net = network(causal=False)
    features = random_input(rng, 1, T)
    before, _ = window(net, features)
    features[:, 151:] += 1
    after, _ = window(net, features)
    assert np.abs(after - before)[:, :151].max() > 1e-6


def test_an_answer_depends_on_243_frames(rng: np.random.Generator) -> None:
    net = network()
    assert net.config.receptive_field == 243
    features = random_input(rng, 1, T)
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
        open_stepper(session)


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
    std = open_stepper(session).sequence(features).std
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
    before, std, *_ = lift_clip(session, pixels, scores, camera, fps)
    assert before.shape == (41, 17, 3)
    assert std.shape == (41, 17)
    pixels[25:] += 30
    after, *_ = lift_clip(session, pixels, scores, camera, fps)
    assert np.abs(after - before)[22].max() > 1e-6
    assert np.isfinite(lift_clip(session, pixels[:1], scores[:1], camera, fps)[0]).all()
