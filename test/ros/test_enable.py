"""The service `enable` pauses the node: no subscriptions, no people, the models stay loaded."""
import pytest
from bench import Bench, ScriptedPipeline
from diagnostic_msgs.msg import DiagnosticArray
from scene import crowd, static
from visualization_msgs.msg import Marker, MarkerArray

from ros2_occpose.config import PipelineConfig
from ros2_occpose.msg import HumanArray

SetBool = pytest.importorskip('std_srvs.srv', reason='needs std_srvs').SetBool
SCENE = crowd(2, seconds=4.0, camera_path=static(), fps=5)


def test_pause_and_go_on() -> None:
    loaded: list[ScriptedPipeline] = []

    def load(config: PipelineConfig) -> ScriptedPipeline:
        loaded.append(ScriptedPipeline(SCENE))
        return loaded[-1]

    with Bench(load) as bench:
        bench.listen(HumanArray, 'humans')
        bench.listen(DiagnosticArray, '/diagnostics')
        markers = bench.listen(MarkerArray, 'markers')

        def enable(data: bool) -> tuple[bool, str]:
            answer = bench.call(SetBool, 'enable', SetBool.Request(data=data))
            return answer.success, answer.message

        bench.connect()
        bench.ask(SCENE.moment(1))
        assert enable(False) == enable(False) == (True, '')
        bench.wait(lambda: not bench.images.get_subscription_count(), 'no subscription')
        bench.wait(lambda: [m.action for m in markers[-1].markers] == [Marker.DELETEALL],
                   'an empty screen')
        bench.wait(lambda: bench.fact('state') == 'disabled', 'the state in the diagnostics')
        assert bench.state() == 'active'
        bench.send(SCENE.moment(2))
        bench.pause(0.3)
        assert loaded[0].calls == 1

        assert enable(True) == enable(True) == (True, '')
        bench.connect()
        bench.ask(SCENE.moment(3))
        assert (len(loaded), loaded[0].resets) == (1, 1)

        assert bench.change_state('deactivate')
        assert enable(False) == (True, 'Holds from the next activation on.')
        assert bench.change_state('activate')
        bench.wait_for_log('Disabled: call the service `enable`')
        assert not bench.images.get_subscription_count()
        assert enable(True) == (True, '')
        bench.connect()
        bench.ask(SCENE.moment(4))


def test_what_cannot_go_on_says_why() -> None:
    with Bench(lambda config: ScriptedPipeline(SCENE), camera_pose='static',
               camera_mount=[0.0] * 7) as bench:
        bench.call(SetBool, 'enable', SetBool.Request(data=False))
        assert bench.change_state('activate')
        answer = bench.call(SetBool, 'enable', SetBool.Request(data=True))
        assert not answer.success
        assert 'camera_mount: Expected a pose with a unit quaternion' in answer.message
