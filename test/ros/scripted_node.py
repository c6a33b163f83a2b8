"""The live node with a script for a pipeline, as a process: `scripted_node.py [PEOPLE [SECONDS]]`.

SECONDS is how long the pipeline takes. `scripted_node.py broken` has a model that is not there.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parents[1])           # not this folder first: it is not the test runner's
sys.path[1:1] = [str(HERE.parent), str(HERE)]

from bench import ScriptedPipeline  # noqa: E402
from scene import crowd  # noqa: E402

from ros2_occpose.config import PipelineConfig  # noqa: E402
from ros2_occpose.inference import load_session  # noqa: E402
from ros2_occpose.ros.pose_node import PoseNode  # noqa: E402
from ros2_occpose.ros.running import run_node  # noqa: E402


def main(people: str = '2', seconds: str = '0') -> int:
    def load(config: PipelineConfig) -> ScriptedPipeline:
        if people == 'broken':
            load_session(Path('no_such_model.onnx'))
        scene = crowd(int(people), seconds=4, fps=2)
        return ScriptedPipeline(scene, float(seconds))

    def make() -> PoseNode:
        node = PoseNode(load)
        node.start()
        return node

    return run_node(make)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
