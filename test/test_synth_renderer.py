"""Depth, ids and flow against geometry that is known; pictures that repeat."""
import numpy as np
import pytest
from rendering import looking, needs_renderer

from ros2_occpose.body.character import Character, Posed
from ros2_occpose.body.cylinder_mesh import cylinder_character
from ros2_occpose.errors import CameraError, ShapeError
from ros2_occpose.geometry import Camera, invert, transform
from ros2_occpose.synth.piece import Piece
from ros2_occpose.synth.renderer import Moment, Renderer
from ros2_occpose.synth.room import Light, Room, draw_room
from ros2_occpose.synth.solids import Solid
from ros2_occpose.synth.textures import Material

pytestmark = needs_renderer

WHITE = Material('plain', (0.9, 0.9, 0.9))
LAMP = Light((0.5, 0.3, 2.5), (0.5, 0.3, 0.0), (6.0, 6.0, 6.0))
CAMERA = Camera(96, 72, np.array([[70.0, 0, 45.3], [0, 71.0, 37.2], [0, 0, 1]]))
BALL_M, BALL_AT = 0.4, np.array([0.2, 0.6, 1.1])
BOX = Piece('boxes', (0.6, 0.4, 0.9), (Solid('box', (0.6, 0.4, 0.9), (0, 0, 0.45), WHITE),),
            (-0.4, -0.3), 0.5)


def plain_room(*pieces):
    return Room((6.0, 5.0), 2.7, WHITE, WHITE, WHITE, pieces, (), (LAMP,))


def ball(centre, rings=160):
    """A fine ball as a person."""
    around, rise = np.linspace(0, 2 * np.pi, rings + 1), np.linspace(-np.pi / 2, np.pi / 2, rings)
    normals = np.stack(np.broadcast_arrays(
        np.cos(rise)[:, None] * np.cos(around), np.cos(rise)[:, None] * np.sin(around),
        np.sin(rise)[:, None]), -1).reshape(-1, 3)
    index = np.arange(len(normals)).reshape(rings, rings + 1)
    corners = (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1])
    faces = np.concatenate([np.stack([corners[i].ravel() for i in (0, *pair)], -1)
                            for pair in ((1, 2), (2, 3))])
    count, vertices = len(normals), np.asarray(centre) + BALL_M * normals
    character = Character(
        name='ball', offsets=np.zeros((24, 3)), rest_turns=np.tile(np.eye(3), (24, 1, 1)),
        rest_vertices=BALL_M * normals,
        rest_normals=normals, bones=np.zeros((count, 4), int), bone_weights=np.eye(4)[[0] * count],
        faces=faces.astype(np.int32), uv=np.zeros((count, 2)),
        texture=np.full((4, 4, 3), 200, np.uint8), body_points=np.zeros((18, 24, 4)),
        part=np.zeros(count, np.uint8))
    return character, Posed(vertices=vertices, normals=normals, joints=np.zeros((24, 3)),
                            body=np.zeros((18, 3)))


def rays(camera=CAMERA):
    """Directions through the middles of all pixels with z = 1, (H, W, 3)."""
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    flat = camera.rays(np.stack([x, y], -1).astype(float))
    return np.concatenate([flat, np.ones((*flat.shape[:2], 1))], -1)


def slab_entries(origin, directions, half):
    """Where rays enter and leave a box around the origin, both (H, W), in lengths of the rays."""
    with np.errstate(divide='ignore'):
        ends = np.stack([(-half - origin) / directions, (half - origin) / directions])
    return ends.min(0).max(-1), ends.max(0).min(-1)


def true_depths(world_from_camera, camera=CAMERA):
    """Depth of the room's shell, of BOX and of the ball at each pixel, (3, H, W)."""
    eye, turn = world_from_camera[:3, 3], world_from_camera[:3, :3]
    directions = rays(camera) @ turn.T
    _, shell = slab_entries(eye - (0, 0, 1.35), directions, np.array([3.0, 2.5, 1.35]))
    piece_from_world = invert(BOX.world_from_piece)
    enters, leaves = slab_entries(transform(piece_from_world, eye) - (0, 0, 0.45),
                                  directions @ piece_from_world[:3, :3].T,
                                  np.array([0.3, 0.2, 0.45]))
    box = np.where(enters < leaves, enters, np.inf)
    offset, square = eye - BALL_AT, (directions ** 2).sum(-1)
    half_b, c = directions @ offset, offset @ offset - BALL_M ** 2
    inside = half_b ** 2 - square * c
    sphere = np.where(inside > 0, (-half_b - np.sqrt(np.maximum(inside, 0))) / square, np.inf)
    return np.stack([shell, box, sphere])


@pytest.mark.parametrize('eye', [(-2.5, 1.0, 1.4), (2.4, -1.9, 0.6), (0.1, -2.2, 2.3)])
def test_depth_and_ids_are_those_of_the_geometry(eye):
    character, posed = ball(BALL_AT)
    pose = looking(eye, (0.0, 0.1, 0.9))
    with Renderer(plain_room(BOX), [character], CAMERA) as renderer:
        seen = renderer.render(pose, [posed])
    depths = true_depths(pose)
    ids = np.array([0, -1, 1])[depths.argmin(0)]
    # Within 1e-3 of the radius a pixel's middle may fall on either side of the ball's outline.
    assert (seen.ids != ids).mean() < 0.001
    agreeing = seen.ids == ids
    error = np.abs(seen.depth - depths.min(0))
    assert {0, -1, 1} == set(np.unique(ids))
    assert error[agreeing & (ids != 1)].max() < 2e-5
    assert np.median(error[agreeing & (ids == 1)]) < 2e-4
    assert np.quantile(error[agreeing & (ids == 1)], 0.97) < 3e-3      # grazing at the outline
    assert seen.depth.dtype == np.float32
    assert seen.flow is None


def test_somebody_who_is_not_there_is_not_drawn():
    character, posed = ball(BALL_AT)
    pose = looking((-2.5, 1.0, 1.4), (0, 0.1, 0.9))
    with Renderer(plain_room(BOX), [character, character], CAMERA) as renderer:
        with_her = renderer.render(pose, [None, posed])
        without = renderer.render(pose, [None, None])
    assert set(np.unique(with_her.ids)) == {0, -1, 2}
    assert set(np.unique(without.ids)) == {0, -1}
    assert np.abs(without.image.astype(int) - with_her.image).max() > 40


def test_flow_says_how_far_things_moved_in_the_image():
    character, _ = ball(BALL_AT)
    step = np.array([0.0, 0.08, 0.03])
    before, now = looking((-2.5, 1.0, 1.4), (0, 0.1, 0.9)), looking((-2.5, 1.05, 1.38), (0, 0, 1))
    people = [[ball(BALL_AT - step)[1]], [ball(BALL_AT)[1]]]
    with Renderer(plain_room(BOX), [character], CAMERA) as renderer:
        seen = renderer.render(now, people[1], since=Moment(before, people[0]))
    x, y = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    here = np.stack([x, y], -1)
    points = transform(now, rays() * seen.depth[..., None])
    points = np.where((seen.ids == 1)[..., None], points - step, points)
    came_from = CAMERA.project(transform(invert(before), points))
    assert np.abs(seen.flow - (here - came_from)).max() < 0.01
    assert np.abs(seen.flow[seen.ids == 1]).mean() > 1.0


def test_shadows_fall_where_the_light_is_hidden():
    plate = Solid('box', (1.0, 1.0, 0.05), (0, 0, 1.2), WHITE)
    piece = Piece('table', (1.0, 1.0, 1.225), (plate,), (0.5, 0.3))
    pose = looking((-2.4, -0.5, 1.7), (0.5, 0.3, 0.2))
    brightness = []
    for pieces in ((), (piece,)):
        with Renderer(plain_room(*pieces), [], CAMERA) as renderer:
            brightness.append(renderer.render(pose, []))
    under, open_floor = (CAMERA.project(transform(invert(pose), np.array(at))).round().astype(int)
                         for at in ((0.5, 0.3, 0.0), (0.5, -1.8, 0.0)))
    for at, darker in ((under, True), (open_floor, False)):
        free, shaded = (float(b.image[at[1], at[0]].mean()) for b in brightness)
        assert brightness[1].ids[at[1], at[0]] == 0
        assert (shaded < 0.75 * free) == darker


def test_a_picture_repeats_to_the_byte():
    def picture():
        room = draw_room(np.random.default_rng(5), occluders=5, keep_clear=np.array([[0, 0, 1.0]]))
        person = cylinder_character(3)
        posed = person.pose(np.tile(np.eye(3), (24, 1, 1)), np.array([0, 0, 1.0]))
        with Renderer(room, [person], CAMERA) as renderer:
            return renderer.render(looking((-2, 0.3, 1.4), (0, 0, 1)), [posed]).image
    first = picture()
    assert np.array_equal(first, picture())
    assert first.std() > 15                 # there is something to see
    assert 40 < first.mean() < 190


def test_wrong_calls_say_so():
    character, posed = ball(BALL_AT)
    bent = Camera(96, 72, CAMERA.k, 'plumb_bob', np.array([0.1, 0, 0, 0, 0]))
    with pytest.raises(CameraError, match='LensRenderer'):
        Renderer(plain_room(), [], bent)
    with Renderer(plain_room(), [character], CAMERA) as renderer:
        with pytest.raises(ShapeError, match='Expected 1 people'):
            renderer.render(np.eye(4), [posed, posed])
        other = Posed(vertices=posed.vertices[1:], normals=posed.normals[1:], joints=posed.joints,
                      body=posed.body)
        with pytest.raises(ShapeError, match='vertices of ball'):
            renderer.render(np.eye(4), [other])
