"""The live node with a script for a pipeline, as a process: `scripted_node.py [PEOPLE [SECONDS]]`.

SECONDS is how long the pipeline takes. `scripted_node.py broken` has a model that is not there,
`slow` and `deaf` are still loading theirs when they are told to stop. DDS hangs at the end of
`stuck` and `deaf-stuck`, as it does in earnest: no other thread of Python runs any more. So it
does at the end of `unmade`, whose constructor fails.
"""
import ctypes
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parents[1])           # not this folder first: it is not the test runner's
sys.path[1:1] = [str(HERE.parent), str(HERE)]

from bench import ScriptedPipeline  # noqa: E402
from rclpy.utilities import remove_ros_args  # noqa: E402
from scene import crowd  # noqa: E402

from ros2_occpose.config import PipelineConfig  # noqa: E402
from ros2_occpose.errors import ConfigError  # noqa: E402
from ros2_occpose.inference import load_session  # noqa: E402
from ros2_occpose.ros.pose_node import PoseNode  # noqa: E402
from ros2_occpose.ros.running import run_nodes  # noqa: E402


class DeafNode(PoseNode):
    """Says when it is closed."""

    def close(self) -> None:
        super().close()
        print('Closed', flush=True)


class StuckNode(PoseNode):
    """Cannot be destroyed."""

    def destroy_node(self) -> None:
        print('Destroying for ever', flush=True)
        lock_twice(ctypes.PyDLL(None))      # keeps the global lock of Python


class UnmadeNode(PoseNode):
    """Cannot be made, and then not be taken back."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self._held = Held()
        raise ConfigError('Expected another parameter.')


class Held:
    """Something of a node that cannot be freed."""

    def __del__(self) -> None:
        print('Destroying for ever', flush=True)
        lock_twice(ctypes.PyDLL(None))


def lock_twice(libc: ctypes.CDLL) -> None:
    """Hang for ever; no signal interrupts this."""
    mutex = ctypes.create_string_buffer(256)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def main(people: str = '2', seconds: str = '0') -> int:
    def load(config: PipelineConfig) -> ScriptedPipeline:
        if people == 'broken':
            load_session(Path('no_such_model.onnx'))
        if people == 'slow':
            print('Loading for five seconds', flush=True)
            time.sleep(5)
        if people.startswith('deaf'):
            print('Loading for ever', flush=True)
            lock_twice(ctypes.CDLL(None))
        scene = crowd(2 if people == 'stuck' else int(people), seconds=4, fps=2)
        return ScriptedPipeline(scene, float(seconds))

    def make() -> Iterator[PoseNode]:
        kind = (StuckNode if people.endswith('stuck') else DeafNode if people == 'deaf'
                else PoseNode)
        node = UnmadeNode(load) if people == 'unmade' else kind(load)
        yield node
        node.start()

    return run_nodes(make)


if __name__ == '__main__':
    sys.exit(main(*remove_ros_args(sys.argv)[1:]))
