"""DDS, networks and publishing do not wait for each other."""
import time

import numpy as np
import pytest
from bench import Bench, ScriptedPipeline
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from scene import crowd, static
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from ros2_occpose.msg import HumanArray
from ros2_occpose.ros import outputs

SCENE = crowd(2, seconds=4.0, camera_path=static(), fps=30)
SLOW_S = 0.5                    # of a detector; long, as the machine may be busy
CALLS = 12


def test_a_slow_detector_delays_neither_services_nor_parameters_nor_timers() -> None:
    pipeline = ScriptedPipeline(SCENE, seconds=SLOW_S)
    with Bench(lambda config: pipeline) as bench:
        diagnostics = bench.listen(DiagnosticArray, '/diagnostics')
        ticks: list[float] = []
        bench.node.create_timer(0.05, lambda: ticks.append(time.monotonic()))
        state = bench.peer.create_client(GetState, f'/{bench.name}/get_state')
        values = bench.peer.create_client(GetParameters, f'/{bench.name}/get_parameters')
        for client in (state, values):
            bench.wait(client.service_is_ready, 'discovery of a service')
        bench.connect()
        spent: list[float] = []
        ticks.clear()
        for moment in list(SCENE)[:4 * CALLS]:           # an image every 30 ms, always busy
            bench.send(moment)
            bench.pause(0.02)
            asked = ((state, GetState.Request()),
                     (values, GetParameters.Request(names=['device'])))[len(spent) % 2]
            start = time.monotonic()
            future = asked[0].call_async(asked[1])
            bench.wait(future.done, 'an answer of a service')
            spent.append(time.monotonic() - start)
        assert 1 < pipeline.calls < len(spent), 'it was busy, and the newest image won'
        assert np.median(spent) < SLOW_S / 4, spent
        assert np.median(np.diff(ticks)) < SLOW_S / 4, ticks
        bench.wait(lambda: len(diagnostics) >= 2, 'diagnostics')


def test_slow_drawing_does_not_delay_the_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def draw(image: np.ndarray, *arguments: object, **options: object) -> np.ndarray:
        time.sleep(SLOW_S)
        drawn.append(1)
        return image

    monkeypatch.setattr(outputs, 'draw_people', draw)
    pipeline = ScriptedPipeline(SCENE, seconds=0.01)
    with Bench(lambda config: pipeline) as bench:
        humans = bench.listen(HumanArray, 'humans')
        bench.listen(DiagnosticArray, '/diagnostics')
        for kind, topic in ((Image, 'overlay'), (MarkerArray, 'markers')):
            bench.listen(kind, topic)
        bench.connect()
        moments = list(SCENE)[:40]
        for moment in moments:
            bench.send(moment)
            bench.pause(0.03)
        bench.answer_to(moments[-1].frame.stamp_ns)
        bench.wait(lambda: len(drawn) >= 2, 'drawings')
        assert len(humans) >= 3 * len(drawn), 'drawing takes many times as long as an image'
        skipped = len(humans) // 2
        bench.wait(lambda: int(bench.fact('pictures skipped') or 0) >= skipped, 'pictures skipped')
