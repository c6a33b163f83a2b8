"""Lenses: every pixel of a bent picture shows what its ray meets."""
import numpy as np
import pytest
from rendering import looking, needs_renderer

from ros2_occpose.geometry import Camera, invert, transform
from ros2_occpose.synth.lens import LensRenderer, facets, open_renderer
from ros2_occpose.synth.piece import Piece
from ros2_occpose.synth.renderer import Moment, Renderer
from ros2_occpose.synth.room import Light, Room
from ros2_occpose.synth.solids import Solid
from ros2_occpose.synth.textures import Material

WHITE = Material('plain', (0.9, 0.9, 0.9))
CHECKER = Material('checker', (0.9, 0.9, 0.9), (0.2, 0.2, 0.2))
BOX = Piece('boxes', (0.6, 0.4, 1.5), (Solid('box', (0.6, 0.4, 1.5), (0, 0, 0.75), WHITE),),
            (0.2, -0.3), 0.5)
ROOM = Room((6.0, 5.0), 2.7, CHECKER, WHITE, WHITE, (BOX,), (),
            (Light((0.5, 0.3, 2.5), (0.5, 0.3, 0.0), (6.0, 6.0, 6.0)),))
POSE = looking((-2.3, 0.6, 1.4), (0.0, 0.1, 0.9))


def lens(model, focal, *d):
    return Camera(128, 96, np.array([[focal, 0, 63.2], [0, focal, 48.5], [0, 0, 1.0]]), model,
                  np.array(d))


LENSES = {
    'barrel': lens('plumb_bob', 80.0, -0.25, 0.07, 0.002, -0.001, 0.0),
    'cushion': lens('plumb_bob', 110.0, 0.08, 0.01, 0.0, 0.0, 0.0),
    'rational': lens('rational_polynomial', 90.0, 0.3, 0.02, 0, 0, 0, 0.5, 0.03, 0),
    'fisheye': lens('equidistant', 52.0, -0.02, 0.003, 0.0, 0.0),
    'ideal fisheye': lens('equidistant', 44.0, 0.0, 0.0, 0.0, 0.0),
}


def rays(camera):
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    flat = camera.rays(np.stack([x, y], -1).astype(float))
    return np.concatenate([flat, np.ones((*x.shape, 1))], -1)


def entries(origin, directions, half):
    with np.errstate(divide='ignore', invalid='ignore'):
        ends = np.stack([(-half - origin) / directions, (half - origin) / directions])
    return ends.min(0).max(-1), ends.max(0).min(-1)


@pytest.mark.parametrize('name', LENSES)
def test_facets_cover_what_the_lens_sees(name):
    camera = LENSES[name]
    parts = facets(camera)
    assert len(parts) == (1 if 'fisheye' not in name else 5)
    seen = sum(part.sees.astype(int) for part in parts)
    assert seen.max() == 1
    assert (seen == 1).mean() > (0.85 if 'fisheye' in name else 0.999)
    for part in parts:
        inside = part.map_px[part.sees]
        assert inside.min() >= 1
        assert (inside <= np.array(part.camera.size) - 2).all()


@needs_renderer
@pytest.mark.parametrize('name', LENSES)
def test_depth_and_ids_are_those_of_the_rays(name):
    camera = LENSES[name]
    with LensRenderer(ROOM, [], camera) as renderer:
        seen = renderer.render(POSE, [])
    lit = sum(part.sees.astype(int) for part in facets(camera)) == 1
    directions = np.where(lit[..., None], rays(camera), (0, 0, 1.0))
    eye, turn = POSE[:3, 3], POSE[:3, :3]
    _, shell = entries(eye - (0, 0, 1.35), directions @ turn.T, np.array([3.0, 2.5, 1.35]))
    piece_from_world = invert(BOX.world_from_piece)
    enters, leaves = entries(transform(piece_from_world, eye) - (0, 0, 0.75),
                             directions @ (piece_from_world[:3, :3] @ turn).T,
                             np.array([0.3, 0.2, 0.75]))
    hit = enters < leaves
    assert (hit & lit).sum() > 150
    agrees = lit & ((seen.ids == -1) == hit)
    assert agrees.sum() > 0.985 * lit.sum()                 # outlines: the nearest pixel counts
    true = np.where(hit, enters, shell)[agrees]
    error = np.abs(seen.depth[agrees] - true) / true
    assert np.median(error) < 3e-4
    assert np.quantile(error, 0.97) < 0.01                  # where surfaces meet
    assert np.isinf(seen.depth[~lit]).all()
    assert not seen.image[~lit].any()


@needs_renderer
@pytest.mark.parametrize('name', ['barrel', 'fisheye'])
def test_flow_is_that_of_the_bent_picture(name):
    camera = LENSES[name]
    before = looking((-2.33, 0.55, 1.42), (0.0, 0.05, 0.95))
    with LensRenderer(ROOM, [], camera) as renderer:
        seen = renderer.render(POSE, [], since=Moment(before, []))
    lit = np.isfinite(seen.depth)
    points = rays(camera)[lit] * seen.depth[lit][:, None]
    came_from = camera.project(transform(invert(before), transform(POSE, points)))
    here = np.argwhere(lit)[:, ::-1]
    error = np.linalg.norm(seen.flow[lit] - (here - came_from), axis=-1)
    assert np.nanmedian(np.linalg.norm(here - came_from, axis=-1)) > 1
    assert np.nanmedian(error) < 0.02
    assert np.nanquantile(error, 0.97) < 0.5


@needs_renderer
def test_a_lens_that_bends_nothing_gives_the_pinhole_picture():
    flat = Camera(128, 96, LENSES['barrel'].k)
    with open_renderer(ROOM, [], flat) as renderer:
        assert isinstance(renderer, Renderer)
        straight = renderer.render(POSE, [])
    with LensRenderer(ROOM, [], flat) as renderer:
        bent = renderer.render(POSE, [])
    assert np.abs(straight.image.astype(int) - bent.image).mean() < 3
    assert (straight.ids == bent.ids).mean() > 0.99
    assert np.median(np.abs(straight.depth - bent.depth)) < 1e-4
