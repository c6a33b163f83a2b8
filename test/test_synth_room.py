"""Rooms: what stands where, what it is made of, and that a seed gives it again."""
import numpy as np
import pytest

from ros2_occpose.errors import ConfigError
from ros2_occpose.synth.furniture import KINDS, draw_piece
from ros2_occpose.synth.room import Room, draw_room
from ros2_occpose.synth.solids import SHAPES, Solid, mesh_of
from ros2_occpose.synth.textures import PATTERNS, SIZE, Material, paint

WHITE = Material('plain', (0.9, 0.9, 0.9))


@pytest.mark.parametrize('kind', KINDS)
def test_furniture_stays_in_its_box(kind, rng):
    for _ in range(5):
        piece = draw_piece(kind, rng, position=(1.0, -2.0), yaw=0.7)
        local = np.linalg.inv(piece.world_from_piece)
        corners = piece.mesh().corners.reshape(-1, 3) @ local[:3, :3].T + local[:3, 3]
        low, high = corners.min(0), corners.max(0)
        size = np.array(piece.size)
        assert low[2] > -0.02
        # Things on top, leaves, handles may reach a little beyond.
        assert (np.abs([low[:2], high[:2]]).max(0) < size[:2] / 2 + 0.12).all()
        assert high[2] > 0.8 * size[2]


def test_a_piece_knows_how_far_away_a_point_is(rng):
    piece = draw_piece('table', rng, size=(2.0, 1.0, 0.7), position=(1.0, 1.0), yaw=np.pi / 2)
    assert piece.distance(np.array([1.0, 1.9])) == 0
    assert piece.distance(np.array([2.0, 1.0])) == pytest.approx(0.5)
    assert piece.distance(np.array([[1.0, 2.5], [9.0, 9.0]])) == pytest.approx(0.5)
    assert np.allclose(np.ptp(piece.footprint, 0), (1.0, 2.0))


@pytest.mark.parametrize('seed', range(8))
def test_rooms_leave_the_floor_clear_and_pieces_apart(seed):
    clear = np.array([[0.5, 0.0, 1.0], [-2.0, 1.0, 0.6]])
    room = draw_room(np.random.default_rng(seed), occluders=7, keep_clear=clear)
    assert len(room.pieces) >= 3
    for i, piece in enumerate(room.pieces):
        assert (np.abs(piece.footprint) <= np.array(room.size) / 2 + 1e-9).all()
        assert all(piece.distance(disc[:2]) > disc[2] for disc in clear)
        for other in room.pieces[:i]:
            assert piece.distance(other.footprint) > 0
            assert not room.is_free(np.array(other.position))
    assert room.is_free(clear[0, :2], 0.9)
    assert not room.is_free(np.array([room.size[0], 0]))


def test_given_pieces_stand_where_they_are_wanted(rng):
    shelf = draw_piece('shelf', rng, position=(0.5, -0.4), yaw=0.3)
    room = draw_room(rng, pieces=[shelf], occluders=2)
    assert room.pieces[0] is shelf


def test_a_seed_gives_the_room_again_and_another_gives_another():
    rooms = [draw_room(np.random.default_rng(seed), occluders=4) for seed in (1, 1, 2)]
    assert rooms[0] == rooms[1]
    assert rooms[0] != rooms[2]


def test_wrong_rooms_say_so(rng):
    with pytest.raises(ConfigError, match='0 or more occluders'):
        draw_room(rng, occluders=-1)
    with pytest.raises(ConfigError, match='1 to 3 lights'):
        Room((5, 5), 2.5, WHITE, WHITE, WHITE, (), (), ())
    with pytest.raises(ConfigError, match='Unknown furniture'):
        draw_piece('piano', rng)
    with pytest.raises(ConfigError, match='Unknown pattern'):
        Material('gold', (1, 1, 0))


@pytest.mark.parametrize('shape', SHAPES)
def test_solids_are_closed_and_look_outward(shape):
    solid = Solid(shape, (0.6, 0.6, 1.2), (1.0, 2.0, 3.0), WHITE, (0.3, 0.2, 0.1))
    mesh = mesh_of(solid)
    out = mesh.corners - np.array(solid.centre)
    assert ((out * mesh.normals).sum(-1) > 0).all()
    assert np.allclose(np.linalg.norm(mesh.normals, axis=-1), 1)
    area = np.linalg.norm(np.cross(mesh.corners[:, 1] - mesh.corners[:, 0],
                                   mesh.corners[:, 2] - mesh.corners[:, 0]), axis=-1).sum() / 2
    prolate = 2 * np.pi * 0.3 ** 2 * (1 + 0.6 / (0.3 * np.sqrt(0.75)) * np.arcsin(np.sqrt(0.75)))
    expected = {'box': 2 * 0.36 + 4 * 0.72, 'ball': prolate,
                'cylinder': np.pi * 0.6 * 1.2 + 2 * np.pi * 0.09}[shape]
    assert area == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize('pattern', PATTERNS)
def test_paint_repeats_and_has_the_asked_colour(pattern):
    material = Material(pattern, (0.7, 0.5, 0.3), (0.6, 0.45, 0.3), seed=4)
    picture = paint(material)
    assert picture.shape == (SIZE, SIZE, 3)
    assert np.array_equal(picture, paint(material))
    assert picture.std() > 0
    if pattern not in ('picture', 'view', 'spines'):
        red, _, blue = picture.reshape(-1, 3).mean(0)
        assert red > blue + 20
