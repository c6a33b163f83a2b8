"""The live node over DDS: what goes in comes out, with the right numbers, frames and stamps."""
import cv2
import numpy as np
import pytest
from actors import SCENE as ACTORS
from actors import Actors
from bench import CAMERA_FRAME, Bench, ScriptedPipeline, answer
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from scene import crowd, driving
from sensor_msgs.msg import CompressedImage, Image
from tf2_msgs.msg import TFMessage
from truth import people_of
from visualization_msgs.msg import Marker, MarkerArray

from ros2_occpose.msg import HumanArray, PipelineStats, SkeletonModel
from ros2_occpose.recording.humans import Humans
from ros2_occpose.recording.markers import Shape
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.recording.overlay import draw_people
from ros2_occpose.ros import outputs
from ros2_occpose.ros.conversions import header, pixels_of
from ros2_occpose.skeleton import H36M17
from ros2_occpose.types import JointState, TrackState

SCENE = crowd(3, seconds=4.0, camera_path=driving(), fps=5)
MOMENT = SCENE.moment(8)


def start(**parameters: object) -> tuple[Bench, ScriptedPipeline]:
    pipeline = ScriptedPipeline(SCENE)
    bench = Bench(lambda config: pipeline, **parameters)
    bench.listen(HumanArray, 'humans')
    return bench, pipeline


def test_humans_carry_the_numbers_of_the_pipeline() -> None:
    bench, pipeline = start()
    with bench:
        bench.connect()
        for moment in SCENE:
            humans = humans_from(bench.ask(moment))
            truth = answer(moment, pipeline.frames[-1])
            assert humans.frame_id == humans.camera_frame == CAMERA_FRAME
            assert humans.ids.tolist() == truth.tracks.ids.tolist()
            np.testing.assert_allclose(humans.joints, truth.joints, atol=1e-9)
            np.testing.assert_allclose(humans.root, moment.joints_camera[moment.present, 0],
                                       atol=1e-9)
            np.testing.assert_allclose(humans.root_covariance, truth.root_covariance)
            assert humans.joint_states.tolist() == truth.joint_states.tolist()


def test_unknown_numbers_are_nan_and_latency_is_counted_from_the_stamp() -> None:
    slow_s = 0.1
    bench = Bench(lambda config: ScriptedPipeline(SCENE, slow_s))
    bench.listen(HumanArray, 'humans')
    with bench:
        bench.connect()
        stamp_ns = bench.node.get_clock().now().nanoseconds
        bench.send_info(MOMENT.frame.camera, stamp_ns)
        bench.send_image(stamp_ns)
        message = bench.answer_to(stamp_ns)
        passed_s = (bench.node.get_clock().now().nanoseconds - stamp_ns) / 1e9
        assert slow_s < message.latency < passed_s
        human = message.humans[0]
        assert np.isnan(human.velocity.twist.angular.z)
        assert np.isnan(human.root.covariance[35])


def test_what_is_published_around_the_humans() -> None:
    bench, pipeline = start()
    with bench:
        topics = {'markers': MarkerArray, 'overlay': Image, 'stats': PipelineStats,
                  '/tf': TFMessage, '/diagnostics': DiagnosticArray}
        found = {topic: bench.listen(kind, topic) for topic, kind in topics.items()}
        skeleton = bench.listen(SkeletonModel, 'skeleton_model', latched=True)
        bench.connect()
        human = bench.ask(MOMENT).humans[0]
        for topic in topics:
            bench.wait(lambda topic=topic: found[topic], f'a message on {topic}')
        bench.wait(lambda: skeleton, 'a latched message on skeleton_model')
        assert list(skeleton[0].joint_names) == list(H36M17.joints)
        assert list(skeleton[0].parents) == list(H36M17.parents)

        stats = found['stats'][0]
        assert (stats.people, stats.backend) == (len(people_of(MOMENT)), 'detection: script')
        for times in (stats.stage_ms, stats.stage_p50_ms, stats.stage_p95_ms):
            assert dict(zip(stats.stages, times, strict=True)) == pytest.approx(pipeline.stage_ms)

        frame = found['/tf'][0].transforms[0]
        assert (frame.child_frame_id, frame.header.frame_id) == (
            f'human_{human.id}', CAMERA_FRAME)
        assert frame.header.stamp == found['stats'][0].header.stamp
        assert frame.transform.translation.x == human.root.pose.position.x

        drawn = pixels_of(found['overlay'][0])
        assert drawn.shape == (480, 640, 3)
        assert drawn.any()                       # the image that came in was black
        status = bench.wait(lambda: next((
            s for a in found['/diagnostics'] for s in a.status
            if ('frames answered', '1') in [(v.key, v.value) for v in s.values]), None),
            'the frame in the diagnostics')
        assert status.name == f'/{bench.name}: people'
        # The stamps of the scene begin at zero: fifty years ago.
        assert status.level == DiagnosticStatus.WARN
        assert 'set use_sim_time; else compare the clocks' in status.message


def test_hidden_joints_look_different_and_markers_go_with_the_people() -> None:
    bench, _ = start()
    with bench:
        found = bench.listen(MarkerArray, 'markers')
        bench.connect()
        hidden = next(m for m in SCENE if (
            people_of(m).joint_states == JointState.OCCLUDED).any())
        bench.ask(hidden)
        bench.wait(lambda: found, 'markers')
        markers = found[-1].markers
        assert markers[0].action == Marker.DELETEALL
        seen, unseen = ([m for m in markers if m.ns == f'{name}_bones']
                        for name in ('seen', 'hidden'))
        assert {m.type for m in seen + unseen} == {int(Shape.LINE_LIST)}
        assert max(m.color.a for m in unseen) < min(m.color.a for m in seen)
        assert {m.ns for m in markers} >= {'label', 'seen_joints', 'hidden_joints'}
        bench.ask(SCENE.moment(len(SCENE) - 1))
        bench.wait(lambda: len(found) > 1, 'the next markers')
        assert 'trail' in {m.ns for m in found[-1].markers}

        bench.change_state('deactivate')
        bench.wait(lambda: [m.action for m in found[-1].markers] == [Marker.DELETEALL],
                   'an empty screen')


def test_shapes_and_frames_of_a_person_go_with_the_person() -> None:
    actors = Actors()
    with Bench(lambda config: actors) as bench:
        bench.listen(HumanArray, 'humans')
        shapes, frames = bench.listen(MarkerArray, 'markers'), bench.listen(TFMessage, '/tf')
        bench.connect()
        for t, (state, labels, children) in enumerate([
                (TrackState.TRACKED, 2, {'human_1', 'human_2'}),
                (TrackState.OCCLUDED, 2, {'human_1', 'human_2'}),
                (TrackState.LOST, 1, {'human_2'}), (None, 1, {'human_2'})]):
            actors.states = {1: state}
            shapes.clear()
            frames.clear()
            bench.ask(ACTORS.moment(t))
            bench.wait(lambda: shapes and frames, 'shapes and frames')
            assert shapes[0].markers[0].action == Marker.DELETEALL, 'of before'
            assert sum(m.ns == 'label' for m in shapes[0].markers) == labels
            assert {f.child_frame_id for f in frames[0].transforms} == children


def test_shapes_are_switched_while_the_node_runs() -> None:
    bench, _ = start()
    with bench:
        found = bench.listen(MarkerArray, 'markers')
        bench.connect()
        moments = iter(SCENE)

        def shown(**switches: object) -> set[str]:
            changes = [Parameter(f'publish.{name.replace("__", ".")}', value=value)
                       for name, value in switches.items()]
            assert all(r.successful for r in bench.node.set_parameters(changes))
            found.clear()
            bench.ask(next(moments))
            bench.wait(lambda: found, 'markers')
            return {m.ns for m in found[-1].markers if m.action != Marker.DELETEALL}

        assert {'label', 'uncertainty', 'seen_bones'} <= shown()
        assert all(m.lifetime.sec == 2 for m in found[-1].markers[1:])
        assert 'trail' in shown()
        only = {'shapes__skeletons': False, 'shapes__labels': False, 'trail_s': 0.0,
                'shapes__velocities': False}
        assert shown(**only) == {'uncertainty'}
        assert shown(shapes__joint_ellipsoids=True) == {'uncertainty', 'joint_uncertainty'}
        assert shown(markers=False) == set()             # what was shown is taken away
        found.clear()
        bench.ask(next(moments))
        bench.pause(0.2)
        assert not found                                 # and then there is silence


def test_no_drawing_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The overlay costs time: it is made only when somebody looks."""
    drawn = []

    def draw(image: np.ndarray, humans: Humans, *others: object, **options: object) -> np.ndarray:
        drawn.append(humans.stamp_ns)
        return draw_people(image, humans, *others, **options)

    monkeypatch.setattr(outputs, 'draw_people', draw)
    bench, _ = start()
    with bench:
        bench.connect()
        for moment in (MOMENT, SCENE.moment(9)):       # once this is answered, that is done with
            bench.ask(moment)
        bench.listen(Image, 'overlay')
        bench.wait(lambda: bench.outputs()[2].get_subscription_count(), 'discovery')
        bench.ask(SCENE.moment(10))
        bench.wait(lambda: SCENE.moment(10).frame.stamp_ns in drawn, 'a drawing')
        assert MOMENT.frame.stamp_ns not in drawn


def test_the_freshest_frame_wins_and_the_others_are_counted() -> None:
    pipeline = ScriptedPipeline(SCENE, seconds=0.6)
    with Bench(lambda config: pipeline) as bench:
        bench.listen(HumanArray, 'humans')
        stats = bench.listen(PipelineStats, 'stats')
        bench.connect()
        for moment in list(SCENE)[:10]:
            bench.send(moment)
            bench.pause(0.03)
        bench.answer_to(SCENE.moment(9).frame.stamp_ns)
        answered = pipeline.calls
        bench.wait(lambda: len(stats) == answered, 'all stats')
        assert answered <= 4
        assert (stats[-1].received_frames, stats[-1].dropped_frames) == (10, 10 - answered)


def test_compressed_images() -> None:
    bench, pipeline = start(image_transport='compressed')
    with bench:
        images = bench.peer.create_publisher(CompressedImage, 'image/compressed', 10)
        bench.wait(images.get_subscription_count, 'discovery')
        bench.wait(bench.infos.get_subscription_count, 'discovery')
        stamp_ns, grey = MOMENT.frame.stamp_ns, np.full((480, 640), 77, np.uint8)
        bench.send_info(MOMENT.frame.camera, stamp_ns)
        images.publish(CompressedImage(header=header(stamp_ns, CAMERA_FRAME), format='png',
                                       data=cv2.imencode('.png', grey)[1].tobytes()))
        bench.answer_to(stamp_ns)
        assert (pipeline.frames[-1].image == 77).all()


@pytest.mark.parametrize('reliability', [ReliabilityPolicy.RELIABLE,
                                         ReliabilityPolicy.BEST_EFFORT])
def test_images_of_any_reliability_arrive(reliability: ReliabilityPolicy) -> None:
    """Drivers publish reliable or best effort; the node must hear both by default."""
    override = 'qos_overrides./image.subscription.reliability'
    bench, _ = start(**{override: 'best_effort'})
    with bench:
        bench.peer.destroy_publisher(bench.images)
        bench.images = bench.peer.create_publisher(
            Image, 'image', QoSProfile(depth=1, reliability=reliability))
        bench.connect()
        for moment in SCENE:                     # best effort: the first may get lost
            bench.send(moment)
            bench.pause(0.1)
        bench.answer_to(SCENE.moment(len(SCENE) - 1).frame.stamp_ns)


def test_images_without_camera_info_of_their_stamp() -> None:
    """Some drivers send CameraInfo once, or with other stamps: the latest will do."""
    bench, pipeline = start()
    with bench:
        bench.connect()
        bench.send_info(MOMENT.frame.camera, 1)
        for moment in list(SCENE)[:6]:
            bench.send_image(moment.frame.stamp_ns)
            bench.pause(0.05)
        bench.answer_to(SCENE.moment(5).frame.stamp_ns)
        np.testing.assert_allclose(pipeline.frames[-1].camera.k, MOMENT.frame.camera.k)
