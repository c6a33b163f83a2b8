"""Bodies in files and pictures: they lie on the people, nearer ones in front, hidden ones pale."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from scene import Moment, crowd, driving, static
from truth import humans_of_moment, people_of

from ros2_occpose.body.cylinder_mesh import cylinder_model
from ros2_occpose.body.meshes import Meshes, MeshMaker
from ros2_occpose.body.model import BodyModel
from ros2_occpose.config import ShapesConfig
from ros2_occpose.geometry import Camera, matrix_from_quat_wxyz
from ros2_occpose.recording.humans import Humans, record
from ros2_occpose.recording.markers import Shape, markers_of
from ros2_occpose.recording.outputs import Outputs
from ros2_occpose.recording.overlay import draw_large, draw_people
from ros2_occpose.recording.palette import colour_bgr
from ros2_occpose.recording.skins import draw_skins
from ros2_occpose.types import Floats, Image, TrackState

SCENE = crowd(4, seconds=3.0, camera_path=driving(), fps=10, seed=3)
CAMERA = Camera.from_hfov(640, 480, 60)
FACING = np.diag([1.0, -1, -1])              # a person who faces the camera, in its axes


@pytest.fixture(scope='module')
def body() -> BodyModel:
    return cylinder_model()


def standing(body: BodyModel, *places: tuple[float, float, float]) -> Meshes:
    """People with arms out who face the camera."""
    n = len(places)
    rotations = np.tile(np.eye(3), (n, 24, 1, 1))
    rotations[:, 0] = FACING
    return Meshes(body=body, stamp_ns=7, ids=np.arange(1, n + 1), states=np.ones(n, int),
                  betas=np.zeros((n, 10)), rotations=rotations,
                  pelvis=np.array(places, float).reshape(n, 3))


def drawn(meshes: Meshes, opacity: Floats | None = None, camera: Camera = CAMERA) -> Image:
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    draw_skins(image, meshes, camera, None, np.ones(len(meshes)) if opacity is None else opacity)
    return image


def of_moment(body: BodyModel, moment: Moment) -> tuple[Humans, Meshes]:
    return humans_of_moment(moment), MeshMaker(body)(people_of(moment))


def hue_of(image: Image, x: float, y: float) -> Floats:
    """Share of each colour of a pixel."""
    pixel = image[round(y), round(x)].astype(float)
    return pixel / max(pixel.sum(), 1)


def test_a_body_covers_its_own_pixels_and_no_others(body):
    meshes = standing(body, (0.3, 0.1, 4.0))
    image = drawn(meshes)
    covered = image.any(-1)
    pixels = CAMERA.project(meshes.vertices[0].astype(float))
    inside = covered[tuple(np.clip(pixels.round().astype(int)[:, ::-1], 0, (479, 639)).T)]
    assert inside.mean() > 0.9               # others are rounded across the outline
    rows, columns = np.nonzero(covered)
    for found, wanted in ((columns, pixels[:, 0]), (rows, pixels[:, 1])):
        assert abs(found.min() - wanted.min()) < 1.5
        assert abs(found.max() - wanted.max()) < 1.5
    chest = CAMERA.project(np.array([0.3, -0.2, 4.0]))
    wanted = np.array(colour_bgr(1), float)
    np.testing.assert_allclose(hue_of(image, *chest), wanted / wanted.sum(), atol=0.02)


def test_the_nearer_one_is_in_front_whatever_the_order(body):
    for places in (((0, 0, 3.0), (0, 0, 5.0)), ((0, 0, 5.0), (0, 0, 3.0))):
        image = drawn(standing(body, *places))
        near = 1 + int(np.argmin([place[2] for place in places]))
        wanted = np.array(colour_bgr(near), float)
        chest = hue_of(image, *CAMERA.project(np.array([0, -0.2, 3.0])))
        np.testing.assert_allclose(chest, wanted / wanted.sum(), atol=0.02)


def test_bodies_are_as_translucent_as_told_and_none_is_left_out_silently(body):
    meshes = standing(body, (-0.8, 0, 4.0), (0.9, 0, 4.0))
    places = [CAMERA.project(np.array([x, -0.2, 4.0])) for x in (-0.8, 0.9)]
    full, half = drawn(meshes), drawn(meshes, np.array([0.5, 0.0]))
    x, y = places[0].round().astype(int)
    np.testing.assert_allclose(half[y, x], full[y, x] / 2, atol=1.5)
    x, y = places[1].round().astype(int)
    assert full[y, x].any()
    assert not half[y, x].any()


def test_who_is_behind_the_camera_or_cut_by_it_breaks_nothing(body):
    assert not drawn(standing(body, (0, 0, -3.0))).any()
    assert not drawn(standing(body)).any()
    assert drawn(standing(body, (0.0, 0.0, 0.2))).any()
    fisheye = Camera(640, 480, CAMERA.k, 'equidistant', np.array([0.1, 0, 0, 0]))
    assert drawn(standing(body, (0.5, 0, 2.0)), camera=fisheye).any()


def test_large_images_get_the_same_picture(body):
    meshes = standing(body, (0.3, 0.1, 4.0))
    large = Camera.from_hfov(1280, 960, 60)
    small, big = drawn(meshes).any(-1), drawn(meshes, camera=large).any(-1)
    assert big.sum() == pytest.approx(4 * small.sum(), rel=0.1)


def test_overlays_show_bodies_instead_of_bones(body):
    moment = SCENE.moment(12)
    humans, meshes = of_moment(body, moment)
    image = np.full((480, 640, 3), 90, np.uint8)
    pose = moment.frame.world_from_camera
    bones = draw_people(image, humans, moment.frame.camera, pose, birdseye=False)
    skins = draw_people(image, humans, moment.frame.camera, pose, birdseye=False, meshes=meshes)
    assert (image == 90).all()
    assert (skins != 90).any(-1).sum() > 1.15 * (bones != 90).any(-1).sum()
    # Each lies where its person's joints do.
    pixels = moment.frame.camera.project(moment.joints_camera[moment.present][:, 0])
    for x, y in pixels[np.isfinite(pixels).all(-1) & moment.frame.camera.contains(pixels)]:
        assert (skins[round(y), round(x)] != 90).any()
    assert draw_large(image, humans, moment.frame.camera, pose, meshes).shape == (1080, 1440, 3)


def test_markers_are_triangles_on_the_people(body):
    moment = SCENE.moment(12)
    humans, meshes = of_moment(body, moment)
    assert all(m.namespace != 'mesh' for m in markers_of(humans, ShapesConfig(), meshes))
    wanted = ShapesConfig(meshes=True)
    assert all(m.namespace != 'mesh' for m in markers_of(humans, wanted))
    found = [m for m in markers_of(humans, wanted, meshes) if m.namespace == 'mesh']
    assert [m.id for m in found] == humans.ids.tolist()
    for row, marker in enumerate(found):
        assert marker.shape is Shape.TRIANGLE_LIST
        assert 900 < len(marker.faces) < 1500
        assert marker.faces.max() == len(marker.points) - 1
        assert marker.scale == (1, 1, 1)
        away = np.linalg.norm(marker.points - humans.root[row], axis=1)
        assert away.max() < 1.5
    lost = replace(humans, states=np.full(len(humans), TrackState.LOST))
    assert markers_of(lost, wanted, meshes) == []


def test_the_less_is_seen_the_paler(body):
    humans, meshes = of_moment(body, SCENE.moment(12))
    hidden = replace(humans, joint_states=np.full_like(humans.joint_states, 3))
    seen = replace(humans, joint_states=np.zeros_like(humans.joint_states))
    pale, full = ([m.rgba[3] for m in markers_of(people, ShapesConfig(meshes=True), meshes)
                   if m.namespace == 'mesh'] for people in (hidden, seen))
    assert pale == [pytest.approx(0.3)] * len(humans)
    assert full == [pytest.approx(0.9)] * len(humans)


def test_lines_of_json_carry_bodies_when_there_are_some(body):
    humans, meshes = of_moment(body, SCENE.moment(12))
    plain, line = record(humans), record(humans, meshes)
    assert line.pop('body_model') == 'cylinder'
    for row, person in enumerate(line['humans']):
        rotations = matrix_from_quat_wxyz(np.array(person.pop('rotations')))
        np.testing.assert_allclose(rotations, meshes.rotations[row], atol=5e-4)
        found = body(np.array(person.pop('betas')), rotations, np.array(person.pop('pelvis')))
        np.testing.assert_allclose(found.vertices, meshes.vertices[row], atol=2e-3)
    assert line == plain


def test_a_run_leaves_bodies_in_all_files(body, tmp_path: Path):
    scene = crowd(2, seconds=4.0, camera_path=static(), fps=2)
    maker = MeshMaker(body)
    with Outputs(tmp_path, video_fps=5) as out:
        for moment in scene:
            out.write(moment.frame, humans_of_moment(moment), maker(people_of(moment)))
    lines = [json.loads(line) for line in (tmp_path / 'poses.jsonl').read_text().splitlines()]
    assert all(line['body_model'] == 'cylinder' for line in lines)
    meshes, models = [], []
    with AnyReader([tmp_path / 'poses.mcap']) as reader:
        for connection, _, data in reader.messages():
            if connection.topic in ('/occpose/meshes', '/occpose/mesh_model'):
                message = reader.deserialize(data, connection.msgtype)
                (meshes if connection.topic.endswith('meshes') else models).append(message)
    assert len(meshes) == len(lines) == len(scene)
    (model,) = models
    assert (model.name, model.num_vertices) == ('cylinder', 4590)
    np.testing.assert_array_equal(model.triangles.reshape(-1, 3), body.faces)
    for message, line in zip(meshes, lines):
        assert message.body_model == 'cylinder'
        assert [mesh.id for mesh in message.meshes] == [p['id'] for p in line['humans']]
        for mesh, person in zip(message.meshes, line['humans']):
            assert len(mesh.vertices) == 0
            np.testing.assert_allclose(mesh.betas, person['betas'], atol=1e-3)
            np.testing.assert_allclose([mesh.root.x, mesh.root.y, mesh.root.z], person['pelvis'],
                                       atol=1e-4)
    assert (tmp_path / 'overlay.mp4').stat().st_size > 1000
