"""The live node with its real networks on real video, frame by frame."""
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from bench import Bench

from ros2_occpose.config import PipelineConfig
from ros2_occpose.errors import ModelError
from ros2_occpose.msg import HumanArray
from ros2_occpose.recording.humans import Humans
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.ros.pose_node import LivePipeline, load_pipeline
from ros2_occpose.types import Frame, JointState

FRAMES = 25


@pytest.fixture(scope='module')
def pipeline() -> LivePipeline:
    try:
        return load_pipeline(PipelineConfig(device='cpu'))
    except ModelError as error:
        pytest.skip(f'needs the models: {error}')


@pytest.fixture
def frames(shared_data: Path) -> list[Frame]:
    source = open_source(shared_data / 'video' / 'pedestrians.avi', SourceOptions(hfov_deg=38))
    return list(islice(source, FRAMES))


@pytest.fixture
def bench(pipeline: LivePipeline) -> Iterator[Bench]:
    pipeline.reset()
    bench = Bench(lambda config: pipeline)
    bench.listen(HumanArray, 'humans')
    with bench:
        bench.connect()
        yield bench


def ask(bench: Bench, frame: Frame, stamp_ns: int) -> Humans:
    bench.send_info(frame.camera, stamp_ns)
    bench.send_image(stamp_ns, frame.image)
    return humans_from(bench.answer_to(stamp_ns))


def test_people_in_a_street(bench: Bench, frames: list[Frame]) -> None:
    start_ns = 100_000_000_000
    answers = [ask(bench, frame, start_ns + frame.stamp_ns) for frame in frames]
    assert np.mean([len(a) for a in answers[10:]]) >= 1.5
    last = answers[-1]
    assert np.isfinite(last.joints).all()
    assert np.isfinite(last.joint_covariance).all()
    tall = np.ptp(last.joints, axis=1).max(-1)                # [m]
    assert ((tall > 0.8) & (tall < 2.5)).all(), tall
    assert (last.joint_states == JointState.OBSERVED).any()

    # The bag loops: everybody is new, nobody has an old id.
    first_ns = start_ns - 50_000_000_000
    again = [ask(bench, frame, first_ns + frame.stamp_ns) for frame in frames[:15]]
    assert again[-1].ids.size
    assert min(min(a.ids, default=10 ** 6) for a in again) > max(max(a.ids, default=0)
                                                                for a in answers)

    # The same image twice is no new image.
    bench.send_image(first_ns + frames[14].stamp_ns, frames[14].image)
    bench.send_info(frames[14].camera, first_ns + frames[14].stamp_ns)
    bench.wait_for_log('Expected a new stamp, got')
    ask(bench, frames[15], first_ns + frames[15].stamp_ns)


@pytest.mark.parametrize('parameter', ['lifting__lifter', 'detection__detector'])
def test_an_unknown_model_is_named(pipeline: LivePipeline, parameter: str) -> None:
    with Bench(load_pipeline, **{parameter: 'nobody_knows'}) as bench:
        assert 'nobody_knows' in bench.wait_for_log('configure failed: ')
        assert bench.state() == 'unconfigured'
