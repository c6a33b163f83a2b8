"""Bodies of the live node: on topics and in pictures when somebody looks, and free when nobody."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench import CAMERA_FRAME, Bench, ScriptedPipeline, answer
from rclpy.parameter import Parameter
from scene import crowd, driving
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from ros2_occpose.body import load
from ros2_occpose.body.cylinder_mesh import cylinder_model
from ros2_occpose.body.meshes import MeshMaker
from ros2_occpose.body.model import BodyModel
from ros2_occpose.geometry import matrix_from_quat_wxyz
from ros2_occpose.msg import HumanArray, HumanMeshArray, MeshModel
from ros2_occpose.recording.markers import Shape
from ros2_occpose.ros import bodies
from ros2_occpose.ros.conversions import pixels_of

SCENE = crowd(3, seconds=4.0, camera_path=driving(), fps=5)


class Counted:
    """How often bodies were loaded, and vertices computed."""

    def __init__(self) -> None:
        self.loaded = self.computed = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found, compute, load_body = Counted(), BodyModel.__call__, load.load_body

    def computing(self: BodyModel, *given: Any) -> Any:
        found.computed += 1
        return compute(self, *given)

    def loading(name: str, **options: Any) -> BodyModel:
        found.loaded += 1
        return load_body(name, **options)

    monkeypatch.setattr(BodyModel, '__call__', computing)
    monkeypatch.setattr(bodies, 'load_body', loading)
    return found


def start(**parameters: object) -> tuple[Bench, ScriptedPipeline]:
    pipeline = ScriptedPipeline(SCENE)
    bench = Bench(lambda config: pipeline, **{'body': 'cylinder', **parameters})
    bench.listen(HumanArray, 'humans')
    return bench, pipeline


def ask_all(bench: Bench, count: int = 6) -> None:
    for number in range(8, 8 + count):
        bench.ask(SCENE.moment(number))


def test_meshes_carry_the_bodies_of_everybody() -> None:
    bench, pipeline = start()
    with bench:
        found = bench.listen(HumanMeshArray, 'meshes')
        model = bench.listen(MeshModel, 'mesh_model', latched=True)
        bench.connect()
        moment = SCENE.moment(8)
        humans = bench.ask(moment)
        bench.wait(lambda: found and model, 'meshes and their model')
        body = cylinder_model()
        assert (model[0].name, model[0].num_vertices) == ('cylinder', len(body.template))
        np.testing.assert_array_equal(np.reshape(model[0].triangles, (-1, 3)), body.faces)
        message = found[0]
        assert message.body_model == 'cylinder'
        assert message.header == humans.header
        assert message.header.frame_id == CAMERA_FRAME
        wanted = MeshMaker(body)(answer(moment, pipeline.frames[-1]))
        assert [m.id for m in message.meshes] == [h.id for h in humans.humans]
        assert [m.state for m in message.meshes] == [h.state for h in humans.humans]
        for row, mesh in enumerate(message.meshes):
            np.testing.assert_allclose(mesh.betas, wanted.betas[row], rtol=1e-6)
            vertices = np.reshape(mesh.vertices, (-1, 3))
            np.testing.assert_allclose(vertices, wanted.vertices[row], atol=1e-6)
            quats = np.array([(q.w, q.x, q.y, q.z) for q in mesh.joint_rotations])
            # What the page says: the body of shape, turns and root has these vertices.
            again = body(np.array(mesh.betas), matrix_from_quat_wxyz(quats),
                         np.array([mesh.root.x, mesh.root.y, mesh.root.z])).vertices
            np.testing.assert_allclose(again, vertices, atol=1e-5)


def test_nothing_is_loaded_or_computed_while_nobody_looks(counted: Counted) -> None:
    """Markers and the overlay are looked at, but without bodies."""
    bench, _ = start()
    with bench:
        markers, overlay = bench.listen(MarkerArray, 'markers'), bench.listen(Image, 'overlay')
        bench.connect()
        for number in range(6):
            bench.ask(SCENE.moment(2 + number))
            bench.wait(lambda number=number: len(markers) > number and len(overlay) > number,
                       'the next pictures')
        assert (counted.loaded, counted.computed) == (0, 0)
        assert not any(m.ns == 'mesh' for array in markers for m in array.markers)
        # Asked for in markers and overlay; as soon as somebody listens, one body, once a frame.
        bench.node.set_parameters([Parameter('publish.shapes.meshes', value=True),
                                   Parameter('publish.overlay_meshes', value=True)])
        for number in range(6, 12):
            bench.ask(SCENE.moment(2 + number))
            bench.wait(lambda number=number: len(markers) > number and len(overlay) > number,
                       'the next pictures')
        assert counted.loaded == 1
        assert counted.computed == 6


def test_markers_that_nobody_looks_at_cost_nothing(counted: Counted) -> None:
    bench, _ = start(publish__shapes__meshes=True, publish__overlay_meshes=True)
    with bench:
        bench.connect()
        ask_all(bench)
        assert (counted.loaded, counted.computed) == (0, 0)


def test_without_vertices_none_are_computed(counted: Counted) -> None:
    bench, _ = start(publish__vertices=False)
    with bench:
        found = bench.listen(HumanMeshArray, 'meshes')
        bench.connect()
        ask_all(bench)
        bench.wait(lambda: found, 'meshes')
        assert (counted.loaded, counted.computed) == (1, 0)
        mesh = found[0].meshes[0]
        assert (len(mesh.vertices), len(mesh.betas), len(mesh.joint_rotations)) == (0, 10, 24)


def test_who_wants_the_triangles_only_gets_them(counted: Counted) -> None:
    bench, _ = start()
    with bench:
        model = bench.listen(MeshModel, 'mesh_model', latched=True)
        bench.connect()
        ask_all(bench)
        bench.wait(lambda: model, 'the model')
        assert (counted.loaded, counted.computed) == (1, 0)


def test_no_meshes_if_they_are_not_wanted(counted: Counted) -> None:
    bench, _ = start(publish__meshes=False)
    with bench:
        found = bench.listen(HumanMeshArray, 'meshes')
        bench.listen(MeshModel, 'mesh_model', latched=True)
        bench.connect()
        ask_all(bench)
        assert (counted.loaded, len(found)) == (0, 0)


def test_triangles_in_rviz_and_bodies_in_the_overlay() -> None:
    bench, _ = start(publish__shapes__meshes=True, publish__overlay_meshes=True,
                     publish__shapes__skeletons=False, publish__shapes__lifetime_s=3.0)
    with bench:
        markers, overlay = bench.listen(MarkerArray, 'markers'), bench.listen(Image, 'overlay')
        bench.connect()
        humans = bench.ask(SCENE.moment(8))
        bench.wait(lambda: markers and overlay, 'pictures')
        skins = [m for m in markers[0].markers if m.ns == 'mesh']
        assert [m.id for m in skins] == [h.id for h in humans.humans]
        for marker, human in zip(skins, humans.humans):
            assert marker.type == int(Shape.TRIANGLE_LIST)
            assert marker.lifetime.sec == 3
            places = np.array([(p.x, p.y, p.z) for p in marker.points])
            root = human.root.pose.position
            away = np.linalg.norm(places - (root.x, root.y, root.z), axis=1)
            assert len(places) % 3 == 0
            assert away.max() < 1.5
            assert away.std() > 0.2
            assert 0.3 <= marker.color.a <= 0.9
        assert pixels_of(overlay[0]).any(-1).sum() > 3000


@pytest.fixture
def broken_body(tmp_path: Path) -> str:
    path = tmp_path / 'SMPL.npz'
    np.savez(path, v_template=np.zeros((3, 3)))
    return str(path)


def test_a_wrong_file_is_said_at_once_and_the_node_goes_on(broken_body: str) -> None:
    bench, _ = start(body=broken_body)
    with bench:
        found = bench.listen(HumanMeshArray, 'meshes')
        bench.connect()
        said = bench.wait_for_log('No meshes')
        assert 'is no body in the format of SMPL' in said
        assert bench.state() == 'active'
        ask_all(bench)
        assert found == []


def test_a_file_of_smpl_is_worn(tmp_path: Path) -> None:
    path = tmp_path / 'mine.npz'
    body = cylinder_model()
    path.write_bytes(replace(body, name='mine').to_bytes())
    bench, _ = start(body=str(path))
    with bench:
        found = bench.listen(HumanMeshArray, 'meshes')
        bench.connect()
        bench.ask(SCENE.moment(8))
        bench.wait(lambda: found, 'meshes')
        assert found[0].body_model == 'mine'


def test_nothing_is_fetched_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the human in the cache the cylinder stands in; who insists on it is told."""
    monkeypatch.setenv('OCCPOSE_CACHE', str(tmp_path))
    for name, text in (('auto', 'For one that looks human: occpose models fetch body'),
                       ('human', 'it has not been fetched; run: occpose models fetch body')):
        bench, _ = start(body=name)
        with bench:
            found = bench.listen(HumanMeshArray, 'meshes')
            bench.connect()
            ask_all(bench)
            bench.wait_for_log(text)
            if name == 'auto':
                bench.wait(lambda found=found: found, 'meshes')
                assert found[0].body_model == 'cylinder'
            else:
                assert found == []
    assert list(tmp_path.iterdir()) == []
