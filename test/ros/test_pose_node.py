"""The live node over DDS: what goes in comes out as humans, with the right numbers."""
import numpy as np
import pytest
from scene import crowd, driving

pytest.importorskip('rclpy', reason='needs ROS 2: source scripts/env.sh')

from bench import CAMERA_FRAME, Bench, ScriptedPipeline, answer  # noqa: E402

from ros2_occpose.msg import HumanArray  # noqa: E402
from ros2_occpose.recording.messages import humans_from  # noqa: E402

pytestmark = pytest.mark.needs_ros
SCENE = crowd(3, seconds=4.0, camera_path=driving(), fps=3)


def test_humans_carry_the_numbers_of_the_pipeline() -> None:
    pipeline = ScriptedPipeline(SCENE)
    with Bench(lambda config: pipeline) as bench:
        bench.listen(HumanArray, 'humans')
        bench.connect()
        for moment in SCENE:
            humans = humans_from(bench.ask(moment))
            truth = answer(moment, pipeline.frames[-1])
            assert humans.frame_id == humans.camera_frame == CAMERA_FRAME
            assert humans.ids.tolist() == truth.tracks.ids.tolist()
            np.testing.assert_allclose(humans.joints, truth.joints, atol=1e-9)
            np.testing.assert_allclose(humans.root, moment.joints_camera[moment.present, 0],
                                       atol=1e-9)
