"""Postures, shapes and meshes from joints: the body's own joints come to lie where they should."""
from __future__ import annotations

import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from lifted import lifted
from scene import crowd, driving
from truth import people_of

from ros2_occpose.body.coarse import coarse
from ros2_occpose.body.cylinder_mesh import cylinder_model
from ros2_occpose.body.kinematics import TYPICAL_OFFSETS, body_points, forward, h36m_of
from ros2_occpose.body.load import body_path, load_body
from ros2_occpose.body.mesh import vertex_normals, welded
from ros2_occpose.body.meshes import Meshes, MeshMaker
from ros2_occpose.body.model import BodyModel
from ros2_occpose.body.posture import Posture
from ros2_occpose.body.segments import SEGMENTS, SegmentFit, hip_from_pelvis, segments
from ros2_occpose.body.turns import about as about_unit
from ros2_occpose.body.turns import unit
from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.errors import ShapeError
from ros2_occpose.skeleton import H36M17, SMPL24
from ros2_occpose.trajectory import load_trajectory
from ros2_occpose.types import Floats, People, PoseBodies, TrackState

SCENE = crowd(12, seconds=4.0, fps=10, camera_path=driving())
# What joints of h36m17 tell of a posture: hinges of knees and elbows, all else about any axis.
HINGES = {'left_knee': (1, 0, 0), 'right_knee': (1, 0, 0), 'left_elbow': (0, -1, 0),
          'right_elbow': (0, 1, 0)}
TYPICAL = forward(np.tile(np.eye(3), (24, 1, 1)), np.zeros(3), TYPICAL_OFFSETS)[0]
TOLD = ('pelvis', 'left_hip', 'right_hip', 'left_shoulder', 'right_shoulder', *HINGES)


@pytest.fixture(scope='module')
def body() -> BodyModel:
    return cylinder_model()


def about(axis: Floats, angle: Floats) -> Floats:
    """Rotations about axes (..., 3) by angles (...) [rad]."""
    return about_unit(unit(axis), angle)


def people_who_move(rng: np.random.Generator, count: int) -> Floats:
    """Local rotations (count, 24, 3, 3) of postures that joints tell completely."""
    local = np.tile(np.eye(3), (count, len(SMPL24.joints), 1, 1))
    for joint in TOLD:
        at = SMPL24.index(joint)
        if joint in HINGES:
            local[:, at] = about(np.array(HINGES[joint], float), rng.uniform(0.7, 2.0, count))
        else:
            angle = rng.uniform(-3, 3, count) if joint == 'pelvis' else rng.uniform(0, 1, count)
            local[:, at] = about(rng.normal(size=(count, 3)), angle)
    return local


def h36m_joints(local: Floats, root: Floats, offsets: Floats) -> Floats:
    return h36m_of(body_points(*forward(local, root, offsets)))


def offsets_of(body: BodyModel, betas: Floats) -> Floats:
    rest = body.rest_joints(betas)
    return rest - rest[..., [0, *SMPL24.parents[1:]], :]


def degrees(a: Floats, b: Floats) -> Floats:
    return np.degrees(np.arccos(np.clip(((a * b).sum((-1, -2)) - 1) / 2, -1, 1)))


def everybody() -> People:
    return people_of(SCENE.moment(7))


def test_turns_come_back(rng):
    local, root = people_who_move(rng, 200), rng.normal(size=(200, 3))
    found = Posture(TYPICAL)(h36m_joints(local, root, TYPICAL_OFFSETS))
    np.testing.assert_allclose(np.swapaxes(found, -1, -2) @ found,
                               np.broadcast_to(np.eye(3), found.shape), atol=1e-9)
    for joint in TOLD:
        off = degrees(found, local)[:, SMPL24.index(joint)]
        assert np.median(off) < 0.5, joint
        assert off.max() < 6, joint
    again = h36m_joints(found, root, TYPICAL_OFFSETS)
    limbs = H36M17.indices('left_wrist', 'right_wrist', 'left_ankle', 'right_ankle', 'thorax')
    error = again - h36m_joints(local, root, TYPICAL_OFFSETS)
    assert np.linalg.norm(error, axis=-1)[:, limbs].max() < 0.01


def test_it_turns_with_the_frame_of_the_joints(rng):
    joints = h36m_joints(people_who_move(rng, 5), np.zeros((5, 3)), TYPICAL_OFFSETS)
    turn = about(rng.normal(size=3), np.array(1.3))
    plain, turned = Posture(TYPICAL)(joints), Posture(TYPICAL)(joints @ turn.T + 4.0)
    np.testing.assert_allclose(turned[:, 0], turn @ plain[:, 0], atol=1e-9)
    np.testing.assert_allclose(turned[:, 1:], plain[:, 1:], atol=1e-9)


@pytest.mark.parametrize('bent', ['left_knee', 'right_knee', 'left_elbow', 'right_elbow'])
@pytest.mark.parametrize('angle', [-0.3, -0.7, -1.5, -2.5])
def test_limbs_that_bend_backwards_stay_where_they_are(bent: str, angle: float, rng) -> None:
    """Exactly against the hinge the way to it is half a turn: it leads about the bone."""
    local = np.tile(np.eye(3), (2, len(SMPL24.joints), 1, 1))
    local[:, SMPL24.index(bent)] = about(np.array(HINGES[bent], float), np.array(angle))
    local[1, 0] = about(rng.normal(size=3), np.array(1.3))
    joints = h36m_joints(local, np.zeros((2, 3)), TYPICAL_OFFSETS)
    again = h36m_joints(Posture(TYPICAL)(joints), np.zeros((2, 3)), TYPICAL_OFFSETS)
    assert np.linalg.norm(again - joints, axis=-1).max() < 0.012


@pytest.mark.parametrize(('moved', 'onto'), [
    (H36M17.joints, 'hip'), (('left_hip', 'right_hip'), 'hip'), (('nose',), 'head'),
    (('left_shoulder', 'right_shoulder'), 'thorax'), (('head',), 'thorax'),
    (('left_knee',), 'left_hip'), (('right_wrist',), 'right_elbow'), ((), 'hip')])
def test_joints_that_tell_nothing_give_rotations(moved: tuple[str, ...], onto: str) -> None:
    still = np.tile(np.eye(3), (len(SMPL24.joints), 1, 1))
    local = still.copy()
    local[0] = about(np.array([0.3, 1.0, -0.4]), np.array(2.0))
    joints = h36m_joints(local, np.zeros(3), TYPICAL_OFFSETS)
    joints[H36M17.indices(*moved)] = joints[H36M17.index(onto)]
    found = Posture(TYPICAL)(joints)
    np.testing.assert_allclose(found @ np.swapaxes(found, -1, -2), still, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(found), 1, atol=1e-6)
    # What is not told follows its neighbour: nothing turns round.
    if len(moved) < len(H36M17.joints):
        trunk = SMPL24.indices('pelvis', 'spine1', 'spine3', 'neck', 'head')
        assert degrees(found, local)[trunk].max() < 30


def test_nobody_has_no_posture() -> None:
    assert Posture(TYPICAL)(np.zeros((0, 17, 3))).shape == (0, 24, 3, 3)


def test_twelve_people_take_about_a_millisecond(rng):
    joints, posture = h36m_joints(people_who_move(rng, 12), np.zeros((12, 3)), TYPICAL_OFFSETS), (
        Posture(TYPICAL))
    times = []
    for _ in range(60):
        start = time.perf_counter()
        posture(joints)
        times.append(time.perf_counter() - start)
    print(f'{1e3 * np.median(times):.2f} ms for 12 people')
    assert min(times) < 4e-3


def test_lengths_give_the_shape_back(body, rng):
    fit = SegmentFit(body)
    for _ in range(5):
        betas = rng.uniform(-1, 1, 10)
        still = np.tile(np.eye(3), (24, 1, 1))
        wanted = segments(h36m_joints(still, np.zeros(3), offsets_of(body, betas)))
        got = segments(h36m_joints(still, np.zeros(3), offsets_of(body, fit(wanted))))
        mean = segments(h36m_joints(still, np.zeros(3), offsets_of(body, np.zeros(10))))
        assert np.abs(got - wanted).max() < 0.01
        assert np.abs(got - wanted).sum() < 0.4 * np.abs(mean - wanted).sum()
    assert dict(zip(SEGMENTS, wanted))['thigh'] == pytest.approx(0.42, abs=0.06)
    assert np.abs(fit(np.full(len(SEGMENTS), 9.0))).max() == 3


def test_hips_of_the_body_lie_on_hips(body):
    people = everybody()
    meshes = MeshMaker(body)(people)
    joints = h36m_joints(meshes.rotations, meshes.pelvis, offsets_of(body, meshes.betas))
    order = np.argsort(people.tracks.ids)
    np.testing.assert_array_equal(meshes.ids, people.tracks.ids[order])
    np.testing.assert_allclose(joints[:, 0], people.root[order], atol=1e-9)
    error = np.linalg.norm(joints - people.joints[order], axis=-1)
    assert np.median(error) < 0.025               # of a scene with other proportions
    # The cylinder has the marks for points, and its joints are those of the tree.
    bodies = body(meshes.betas, meshes.rotations, meshes.pelvis)
    np.testing.assert_allclose(bodies.h36m17, joints, atol=1e-4)
    np.testing.assert_array_equal(bodies.vertices, meshes.vertices)
    far = np.linalg.norm(meshes.vertices - people.root[order][:, None], axis=-1)
    assert far.max() < 1.6
    hip = hip_from_pelvis(body.rest_joints(meshes.betas))
    assert 0.05 < np.linalg.norm(hip, axis=-1).max() < 0.2


def test_shapes_do_not_breathe(body, rng):
    make, people = MeshMaker(body), everybody()
    found = []
    for _ in range(40):
        noise = rng.normal(0, 0.03, people.joints.shape)
        found.append(make(replace(people, joints=people.joints + noise)).betas)
    steps = np.abs(np.diff(found, axis=0)).max((1, 2))
    early, late = steps[:5].max(), steps[-5:].max()
    assert late < 0.15 * early
    alone = MeshMaker(body)(people).betas
    assert np.abs(found[-1] - alone).mean() < 0.35
    make.reset()
    np.testing.assert_array_equal(make(people).betas, alone)


def test_hidden_people_keep_their_shape(body):
    make, people = MeshMaker(body), everybody()
    before = make(people).betas
    hidden = replace(people.tracks, states=np.full(len(people), TrackState.OCCLUDED))
    larger = replace(people, joints=people.root[:, None] + 1.2 * (
        people.joints - people.root[:, None]), poses=replace(people.poses, tracks=hidden))
    np.testing.assert_array_equal(make(larger).betas, before)
    seen = make(replace(larger, poses=people.poses)).betas
    assert (seen[:, 0] > before[:, 0] + 0.1).any()


def test_what_the_lifter_knows_of_bodies_is_used(body, rng):
    people = everybody()
    n = len(people)
    level = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    local = people_who_move(rng, n)
    bodies = PoseBodies(model='cylinder', betas=rng.normal(size=(n, 10)), rotations=local)
    told = replace(people, poses=replace(people.poses, bodies=bodies), camera_axes=level)
    meshes, order = MeshMaker(body)(told), np.argsort(people.tracks.ids)
    np.testing.assert_allclose(meshes.betas, bodies.betas[order])
    np.testing.assert_allclose(meshes.rotations[:, 0], level @ local[order, 0])
    np.testing.assert_allclose(meshes.rotations[:, 1:], local[order, 1:])
    joints = h36m_joints(meshes.rotations, meshes.pelvis, offsets_of(body, meshes.betas))
    np.testing.assert_allclose(joints[:, 0], people.root[order], atol=1e-9)
    # Shapes of another body mean something else: bones give them.
    other = replace(told, poses=replace(told.poses, bodies=replace(bodies, model='human')))
    found = MeshMaker(body)(other)
    np.testing.assert_array_equal(found.betas, MeshMaker(body)(people).betas)
    np.testing.assert_allclose(found.rotations, meshes.rotations)


def test_bodies_of_a_lifter_go_through_the_stages_into_the_world(body, rng):
    """Turns in camera axes, a camera that moves: the same body stands where the person is."""
    trajectory, make = load_trajectory(TrajectoryConfig()), MeshMaker(body)
    for number in range(10):
        moment = SCENE.moment(number)
        poses = lifted(moment, rng, pixel_std=0.0, joint_std=0.0)
        pose = moment.frame.world_from_camera
        world = Posture(body.rest_joints(np.zeros(10)))(moment.joints_world[moment.present])
        rotations = world.copy()
        rotations[:, 0] = pose[:3, :3].T @ world[:, 0]
        bodies = PoseBodies(model='cylinder', betas=np.zeros((len(poses), 10)),
                            rotations=rotations)
        people = trajectory.update(replace(poses, bodies=bodies), moment.frame)
        meshes, order = make(people), np.argsort(people.tracks.ids)
        np.testing.assert_allclose(meshes.rotations, world[order], atol=1e-9)
        joints = h36m_joints(meshes.rotations, meshes.pelvis, offsets_of(body, meshes.betas))
        np.testing.assert_allclose(joints[:, 0], people.root[order], atol=1e-9)
        # A lifter that gives no bodies comes out the same way.
        plain = MeshMaker(body)(replace(people, poses=replace(people.poses, bodies=None)))
        assert np.median(degrees(plain.rotations, meshes.rotations)) < 0.5
    assert meshes.betas.shape == make(replace(
        people, poses=replace(people.poses, bodies=None))).betas.shape


def test_nobody_has_no_mesh(body):
    people = people_of(crowd(1, seconds=2.0, fps=2).moment(0))
    keep = np.zeros(0, int)
    empty = Meshes(body=body, stamp_ns=1, ids=keep, states=keep, betas=np.zeros((0, 10)),
                   rotations=np.zeros((0, 24, 3, 3)), pelvis=np.zeros((0, 3)))
    assert empty.vertices.shape == (0, 4590, 3)
    assert len(MeshMaker(body)(people)) == len(people)
    with pytest.raises(ShapeError, match='pelvis'):
        replace(empty, pelvis=np.zeros((1, 3)))


def test_the_coarse_skin_has_the_form_of_the_fine_one(body):
    stay, faces = coarse(body, 700)
    assert 500 < len(stay) <= 700
    assert 900 < len(faces) < 1500
    assert faces.max() == len(stay) - 1
    kept = body.template[stay]
    np.testing.assert_allclose(kept.min(0), body.template.min(0), atol=0.03)
    np.testing.assert_allclose(kept.max(0), body.template.max(0), atol=0.03)

    def volume(vertices: Floats, triangles: Floats) -> float:
        a, b, c = (vertices[triangles[:, n]] for n in range(3))
        return float((a * np.cross(b, c)).sum() / 6)

    # Faces look outside, and enclose about as much.
    fine = volume(body.template, body.faces)
    assert volume(kept, faces) == pytest.approx(fine, rel=0.2)


@pytest.mark.parametrize('name', ['cylinder', 'human'])
def test_the_coarse_skin_is_not_turned_over_and_thin_parts_keep_two_sides(name: str) -> None:
    if name == 'human' and not body_path().exists():
        pytest.skip('needs the human body: occpose models fetch body')
    body = load_body(name)
    stay, faces = coarse(body, 700)
    kept, part = body.template[stay], body.weights.argmax(1)
    a, b, c = (kept[faces[:, corner]] for corner in range(3))
    normals = vertex_normals(body.template, body.faces, welded(body.template))[stay]
    outside = (np.cross(b - a, c - a) * normals[faces].sum(1)).sum(1) > 0
    assert outside.mean() > 0.98
    for side, joint in product(('left', 'right'), ('wrist', 'foot')):
        of = SMPL24.index(f'{side}_{joint}')
        whole = body.template[part == of]
        if len(whole):
            away = whole - whole.mean(0)
            thin = np.linalg.eigh(away.T @ away)[1][:, 0]
            left = kept[part[stay] == of]
            assert np.ptp(left @ thin) > 0.6 * np.ptp(whole @ thin), (side, joint)
