"""Every system for robots, frame by frame: what the window gives, whoever comes and goes.

All through the face that `StreamingLifter` knows: `choose`, `step` and `sequence`.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ros2_occpose.inference import Session, load_session
from ros2_occpose.lifting.load import open_stepper
from ros2_occpose.lifting.metadata import NetworkMeta
from ros2_occpose.lifting.stepper import Stepper

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from causal_networks import CAUSAL, random_input, window  # noqa: E402

from ros2_occpose.training.export import export  # noqa: E402

T = 300
Build = Callable[[], torch.nn.Module]


@pytest.fixture(scope='module', params=CAUSAL)
def system(request: pytest.FixtureRequest) -> Build:
    """One after the other."""
    return CAUSAL[request.param]


@pytest.fixture(scope='module')
def session(system: Build, tmp_path_factory: pytest.TempPathFactory) -> Session:
    path = tmp_path_factory.mktemp('export') / 'step.onnx'
    export(system(), path)
    return load_session(path, threads=1)


@pytest.fixture
def stream(session: Session) -> Stepper:
    return open_stepper(session)


def test_streaming_equals_the_window(system: Build, stream: Stepper,
                                     rng: np.random.Generator) -> None:
    features = random_input(rng, 2, T)
    joints, std, *_ = stream.sequence(features)
    expected, expected_std = window(system(), features)
    assert np.abs(expected).max() > 0.2
    np.testing.assert_allclose(joints, expected, atol=1e-4)
    np.testing.assert_allclose(std, expected_std, atol=1e-4)


def test_people_may_join_and_leave_at_any_time(system: Build, stream: Stepper,
                                               rng: np.random.Generator) -> None:
    """People 0 and 2 from the start, person 1 from frame 40, person 0 until frame 200."""
    features = random_input(rng, 3, T)
    net = system()
    expected, _ = window(net, features)
    expected[1, 40:] = window(net, features[1:2, 40:])[0][0]
    stream.choose([-1, -1])
    for t in range(T):
        if t == 40:
            stream.choose([1, -1, 0])                             # now 2, 1, 0
        if t == 200:
            stream.choose([1, 0])                                 # now 1, 2
        now = [0, 2] if t < 40 else [2, 1, 0] if t < 200 else [1, 2]
        joints, *_ = stream.step(features[now, t])
        np.testing.assert_allclose(joints, expected[now, t], atol=1e-4, err_msg=f'frame {t}')


def test_nobody_may_be_there(stream: Stepper, rng: np.random.Generator) -> None:
    features = random_input(rng, 1, 6)
    expected, *_ = stream.sequence(features)
    stream.choose([])
    stream.choose([-1])
    for t in range(6):
        joints, *_ = stream.step(features[:, t])
        np.testing.assert_allclose(joints, expected[:, t], atol=1e-6)


def test_who_else_is_there_changes_nothing(stream: Stepper, rng: np.random.Generator) -> None:
    features = random_input(rng, 5, 60)
    together, std, *_ = stream.sequence(features)
    alone, own_std, *_ = stream.sequence(features[3:4])
    np.testing.assert_allclose(together[3:4], alone, atol=1e-5)
    np.testing.assert_allclose(std[3:4], own_std, atol=1e-5)


def test_a_frame_not_remembered_changes_nothing_later(stream: Stepper,
                                                      rng: np.random.Generator) -> None:
    features = random_input(rng, 1, 40)
    expected, *_ = stream.sequence(features)
    stream.choose([-1])
    for t in range(40):
        other, *_ = stream.step(features[:, t] + 1, remember=False)
        joints, *_ = stream.step(features[:, t])
        np.testing.assert_allclose(joints, expected[:, t], atol=1e-6)
        assert np.abs(other - joints).max() > 1e-3


def test_later_frames_change_nothing_but_the_past_does(system: Build,
                                                       rng: np.random.Generator) -> None:
    net = system()
    features = random_input(rng, 1, 120)
    before, _ = window(net, features)
    features[:, 80:82] += 1
    after, _ = window(net, features)
    changed = np.abs(after - before).max(axis=(0, 2, 3)) > 1e-6
    assert not changed[:80].any()
    assert changed[80:].mean() > 0.5


def test_the_file_says_that_it_is_causal(session: Session) -> None:
    assert NetworkMeta.of(session).causal
