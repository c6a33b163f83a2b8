#!/usr/bin/env python3
"""The live node: images in, people out."""
from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any, Protocol, TypeVar

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from ros2_occpose.config import PipelineConfig, override
from ros2_occpose.errors import CameraError, InputError, ModelError, OccposeError, ShapeError
from ros2_occpose.geometry import Camera
from ros2_occpose.inference import Models, shortfall
from ros2_occpose.recording.humans import Humans
from ros2_occpose.ros import filters
from ros2_occpose.ros.active import Active, Picture
from ros2_occpose.ros.bridges.load import Bridges, load_bridges
from ros2_occpose.ros.camera_pose import load_camera_pose
from ros2_occpose.ros.conversions import NS_PER_S
from ros2_occpose.ros.frames import FrameMaker, PeopleError
from ros2_occpose.ros.health import Faults, Health
from ros2_occpose.ros.inputs import USE_PROFILE, Inputs, Question
from ros2_occpose.ros.outputs import Outputs
from ros2_occpose.ros.parameters import Parameters
from ros2_occpose.ros.running import forward_library_log, run_nodes, stop_forwarding
from ros2_occpose.ros.waiting import PoseQueue
from ros2_occpose.ros.worker import Worker
from ros2_occpose.types import Frame, People

CHECK_S = 1.0                   # how often inputs are checked and diagnostics published
LEAVE_S = 0.4                   # longest wait for the image in hand when the process ends
T = TypeVar('T')
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class LivePipeline(Protocol):
    """What the node needs of a pipeline."""

    stage_ms: Mapping[str, float]
    backends: Mapping[str, str]

    def __call__(self, frame: Frame) -> People:
        """Everybody in this frame."""

    def reset(self) -> None:
        """Forget everybody."""

    def adjust(self, config: PipelineConfig) -> None:
        """Take over the live fields of a configuration."""


def load_pipeline(config: PipelineConfig, models: Models | None = None) -> LivePipeline:
    """The real one, models loaded and warm."""
    from ros2_occpose.pipeline import Pipeline

    pipeline = Pipeline(config, models)
    camera = Camera.from_hfov(640, 480, 60.0)
    pipeline(Frame(stamp_ns=0, image=np.zeros((480, 640, 3), np.uint8), camera=camera))
    pipeline.reset()
    return pipeline


class PoseNode(LifecycleNode):
    """Node `occpose`."""

    def __init__(self, load: Callable[[PipelineConfig], LivePipeline] = load_pipeline,
                 **options: Any) -> None:
        super().__init__('occpose', **options)
        self._load = load
        self._log = self.get_logger()
        self._forwarding = forward_library_log(self._log)
        self._pipeline: LivePipeline | None = None
        self._outputs: Outputs | None = None
        self._bridges = Bridges()
        self._active: Active | None = None
        self._last: Frame | None = None
        self._adjusted: PipelineConfig | None = None    # what the pipeline was told last
        self._activated = False         # by the lifecycle
        self._enabled = True            # by the service `enable`
        self._settings = Parameters(self, configured=lambda: self._pipeline is not None)
        self._faults = Faults(self._log)
        self._health = Health(self.get_fully_qualified_name(), self._faults)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._serve()
        self.create_timer(CHECK_S, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # --- life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Configure and activate, unless `autostart` is false."""
        if self._settings.node.autostart and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the models."""
        return self._attempt(self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen and answer."""
        return self._attempt(self._activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the models stay loaded."""
        return self._attempt(self._deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Drop the models."""
        return self._attempt(self._cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop everything."""
        return self._attempt(self._deactivate)

    def close(self) -> None:
        """Stop threads and subscriptions, before the process ends."""
        self._stop(LEAVE_S)
        stop_forwarding(self._forwarding)

    def destroy_node(self) -> None:
        """With what rclpy keeps of the lifecycle: it would keep the participant of DDS alive."""
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def _attempt(self, step: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            step()
        except OccposeError as error:
            kind = 'model' if isinstance(error, ModelError) else 'configuration'
            self._faults(kind, f'{step.__name__.strip("_")} failed: {error}')
            return FAILURE
        except Exception:      # rclpy would swallow it without a word
            if not self.context.ok():
                return FAILURE           # told to stop in the middle of it
            self._faults('internal', traceback.format_exc())
            return FAILURE
        return SUCCESS

    def _configure(self) -> None:
        self._outputs = Outputs(self, self._settings.node, self._log.info,
                                lambda text: self._faults('body', text))
        try:
            self._bridges = load_bridges(self, self._settings.node)
            self._adjusted = self._settings.pipeline
            self._pipeline = self._load(self._pipeline_config())
        except BaseException:
            self._cleanup()
            raise
        gc.unfreeze()              # what an earlier `cleanup` has left is garbage
        gc.collect()
        gc.freeze()                # models are not: later collections are short
        backends = ', '.join(f'{s}: {b}' for s, b in self._pipeline.backends.items())
        self._log.info(f'Ready: {backends}.')

    def _pipeline_config(self) -> PipelineConfig:
        config = self._settings.pipeline
        if not self._settings.node.without_images:
            return config
        return override(config, {'detection.flow': False})     # there is nothing that flows

    def _serve(self) -> None:
        try:
            from std_srvs.srv import SetBool
        except ImportError:
            self._log.info('std_srvs is not installed: no service `enable`.')
            return
        self.create_service(SetBool, 'enable', self._on_enable)

    def _on_enable(self, request: Any, response: Any) -> Any:
        """Pause, or go on with new ids; the models stay loaded, the lifecycle state as it is."""
        self._enabled = bool(request.data)
        response.success = True
        if not self._activated:
            response.message = 'Holds from the next activation on.'
        elif self._enabled != (self._active is not None):
            step = self._listen if self._enabled else self._pause
            response.success = self._attempt(step) == SUCCESS
            response.message = '' if response.success else str(self._faults.recent)
        return response

    def _activate(self) -> None:
        if self._enabled:
            self._listen()
        else:
            self._log.info('Disabled: call the service `enable` with data: true.')
        self._activated = True

    def _listen(self) -> None:
        config = self._settings.node
        pose = load_camera_pose(self, config)
        worker, pictures = Worker(self._answer, 'pipeline'), Worker(self._show, 'pictures')
        queue = PoseQueue(self, config, pose, worker.ask, self._faults)
        try:
            inputs = Inputs(self, config, queue.add, self._faults)
        except BaseException:
            queue.close()
            worker.stop()
            pictures.stop()
            pose.close()
            raise
        frames = FrameMaker(config, inputs, pose.source, self._faults, self._log.warning)
        self._active = Active(pose, queue, inputs, frames, worker, pictures)
        self._log.info(
            f'Listening to {inputs.image_topic} and {inputs.info_topic}; camera pose: '
            f'{pose.name}; images: {frames.decoder}; pairing: {filters.NAME}.')

    def _deactivate(self) -> None:
        self._activated = False
        self._pause()

    def _pause(self) -> None:
        self._stop()
        self._forget()
        gc.collect()               # the images that waited, now and not some time

    def _stop(self, timeout_s: float | None = None) -> None:
        active, self._active = self._active, None
        if active is not None:
            active.close(timeout_s)

    def _cleanup(self) -> None:
        self._pipeline = None
        self._bridges.close()
        if self._outputs is not None:
            self._outputs.close()
            self._outputs = None

    # --- work, on the threads of `Active` ---------------------------------------------------

    def _answer(self, question: Question) -> None:
        active, pipeline, outputs = self._active, self._pipeline, self._outputs
        if active is None or pipeline is None or outputs is None:
            return

        def find() -> Picture:
            frame = active.frames(question)
            self._watch_for_jumps(frame)
            self._adjust(pipeline)
            people = pipeline(frame)
            return Picture(outputs.humans(people, question.frame_id or 'camera',
                                          self._settings.pipeline.lifting.min_visibility),
                           people, frame)

        def tell(frame: Frame, humans: Humans) -> None:
            publish = self._settings.node.publish
            outputs.frames(humans, publish)
            self._bridges.publish(humans, frame, self._settings.node.bridges)
            if publish.stats:
                outputs.stats(humans, active.inputs.received, active.dropped, pipeline.backends,
                              pipeline.stage_ms)

        found = self._survived(find)
        if found is None:
            active.failed += 1
            return
        active.answered += 1
        self._health.answered(found.humans.latency_s)
        active.pictures.ask(found)
        self._survived(lambda: tell(found.frame, found.humans))

    def _adjust(self, pipeline: LivePipeline) -> None:
        """Take over parameters that have changed since the last image."""
        wanted = self._settings.pipeline
        if wanted is not self._adjusted:
            pipeline.adjust(self._pipeline_config())
            self._adjusted = wanted

    def _show(self, picture: Picture) -> None:
        outputs = self._outputs
        if outputs is not None:
            self._survived(lambda: outputs.pictures(picture.humans, picture.people, picture.frame,
                                                    self._settings.node.publish))

    def _survived(self, step: Callable[[], T]) -> T | None:
        """What a step gives; one bad frame must not end the node."""
        try:
            return step()
        except OccposeError as error:
            self._faults(_kind(error), str(error))
        except rclpy_implementation.RCLError as error:
            if self.context.ok():
                self._faults('dds', f'DDS refused a message: {error}; is a subscriber too slow?')
        except Exception:
            if self.context.ok():
                self._faults('internal', traceback.format_exc())
        return None

    def _watch_for_jumps(self, frame: Frame) -> None:
        last = self._last
        if last is not None and frame.stamp_ns < last.stamp_ns:
            back_s = (last.stamp_ns - frame.stamp_ns) / NS_PER_S
            self._faults('time', (
                f'Expected stamps that grow, got an image {back_s:.3f} s before the last one: '
                'starting afresh with new ids. Right for a bag that loops; else check the clock.'))
            self._forget()
        elif last is not None and frame.camera.size != last.camera.size:
            (width, height), (new_width, new_height) = last.camera.size, frame.camera.size
            self._faults('size', (
                f'Expected images of {width}x{height} as before, got {new_width}x{new_height}: '
                'starting afresh with new ids; does more than one camera use this topic?'))
            self._forget()
        self._last = frame

    def _forget(self) -> None:
        self._last = None
        if self._active is not None:
            self._active.pictures.forget()
        if self._pipeline is not None:
            self._pipeline.reset()
        if self._outputs is not None and self.context.ok():
            self._outputs.clear()
            self._bridges.clear()

    # --- health, on the executor's thread -------------------------------------------------

    def _check(self) -> None:
        active, facts, warning = self._active, dict[str, Any](), ''
        if active is not None:
            self._check_images(active.inputs)
            contested = self._bridges.contested(self)
            if contested:
                self._faults('bridge', contested)
            facts = active.facts()
        if self._outputs is not None:
            facts |= self._outputs.facts()
        if self._pipeline is not None:
            facts |= {f'runtime: {stage}': b for stage, b in self._pipeline.backends.items()}
            warning = shortfall(self._settings.pipeline.device, self._pipeline.backends)
        clock = self._health.wrong_clock()
        if clock and active:
            self._log.warning(clock, once=True)
        state = 'active' if active else 'disabled' if self._activated else (
            'inactive' if self._pipeline else 'unconfigured')
        now_ns = self.get_clock().now().nanoseconds
        try:
            self._diagnostics.publish(self._health.diagnostics(now_ns, state, facts, warning))
        except rclpy_implementation.RCLError:
            if self.context.ok():
                raise                        # else the node is told to stop just now

    def _check_images(self, inputs: Inputs) -> None:
        if inputs.loses_images():
            self._log.warning(
                f'Far fewer {inputs.what} on {inputs.image_topic} than CameraInfo on '
                f'{inputs.info_topic}: unless that is on purpose, they get lost on the way: '
                f'{USE_PROFILE}', once=True)
        silent_s = monotonic() - inputs.last_image_s
        if silent_s < self._settings.node.no_image_after_s:
            return
        self._bridges.clear()           # or a costmap keeps its people for ever
        if self._outputs is not None:
            self._outputs.clear()
        self._faults('no image', inputs.silence(silent_s))


def _kind(error: OccposeError) -> str:
    match error:
        case PeopleError():
            return 'people_2d'
        case CameraError():
            return 'camera'
        case InputError() | ShapeError():
            return 'image'
        case _:
            return 'pipeline'


def main() -> int:
    """Run the node until it is told to stop."""

    def make() -> Iterator[PoseNode]:
        node = PoseNode()
        yield node
        node.start()

    return run_nodes(make)


if __name__ == '__main__':
    sys.exit(main())
