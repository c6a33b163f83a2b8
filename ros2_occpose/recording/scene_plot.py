"""The three views of `scene.png`."""
from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.art3d import Line3DCollection

from ..geometry import Camera
from ..skeleton import H36M17
from ..types import Floats
from .palette import colour
from .scene import Sample, SceneLog

Axes: TypeAlias = Any              # of matplotlib, in two or three dimensions

INK, PAPER, GRID = '#d8dce2', '#16181c', '#3a3f47'
FRUSTUM_M = 0.8
MOST_FOR_CAMERA = 1.7              # the camera may enlarge the side view so many times
MARGIN_M = 0.8
OUTSIDE_PERCENT = 5                # of the joints may lie outside the views, at either end
FINE_M = 9.0                       # lines get thinner where more than this is shown
GRID_LINES = 24                    # at most, in each direction
GAP_S = 0.6                        # a line is broken where nobody was reported for so long
LISTED = 24                        # ids in the view over time
FIGURE_INCHES, DPI = (16.0, 9.0), 110
# left, bottom, width, height of the views in the figure
SIDE_VIEW, PLAN = (-0.03, -0.10, 0.68, 1.14), (0.655, 0.40, 0.325, 0.52)
TIME_LINE = (0.655, 0.07, 0.325, 0.24)


def draw_scene(log: SceneLog, path: Path) -> None:
    """Side view, plan and time line of a recording."""
    figure = Figure(figsize=FIGURE_INCHES, dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    side = figure.add_axes(SIDE_VIEW, projection='3d', facecolor=PAPER)
    side.patch.set_alpha(0)            # it is larger than its place
    plan = figure.add_axes(PLAN, facecolor=PAPER)
    time = figure.add_axes(TIME_LINE, facecolor=PAPER)
    frame = log.frame_id if log.world_known else f'{log.frame_id}, turned so that up is up'
    moment = log.fullest_s()
    ids = '1 id' if len(log.people) == 1 else f'{len(log.people)} ids'
    title = (f'{ids} in {log.duration_s:.1f} s', f'frame: {frame}',
             f'skeletons at {moment:.1f} s')
    figure.suptitle('   ·   '.join(title), color=INK, fontsize=14, x=0.02, y=0.965, ha='left')
    _side_view(side, log, moment)
    _plan(plan, log, moment)
    _time_line(time, log, moment)
    figure.savefig(path, facecolor=PAPER)


def _people(count: int) -> str:
    return '1 person' if count == 1 else f'{count} people'


def _bounds(log: SceneLog, *, with_camera: bool) -> tuple[Floats, Floats]:
    """Corners of the box that is shown (3,); single wild points do not count."""
    points = [s.joints for samples in log.people.values() for s in samples]
    places = np.concatenate(points) if points else np.zeros((1, 3))
    low, high = np.percentile(places, [OUTSIDE_PERCENT, 100 - OUTSIDE_PERCENT], axis=0)
    if with_camera and log.cameras:
        way = np.array([pose[:3, 3] for pose in log.cameras])
        low, high = np.minimum(low, way.min(0)), np.maximum(high, way.max(0))
    low[:2], high[:2] = low[:2] - MARGIN_M, high[:2] + MARGIN_M
    short = np.maximum(0, 3.0 - (high - low)) / 2 * (1, 1, 0)
    return low - short, np.maximum(high + short, low - short + (0, 0, 2.0))


def _side_view(axes: Axes, log: SceneLog, moment: float) -> None:
    """Everybody; the camera too, unless it is so far that people would be tiny."""
    (low, high), (far_low, far_high) = (_bounds(log, with_camera=c) for c in (False, True))
    near = float(np.ptp([far_low, far_high], axis=0).max()) < MOST_FOR_CAMERA * float(
        np.ptp([low, high], axis=0).max())
    if near:
        low, high = far_low, far_high
    ground = _ground_height(log, low)
    low = np.array([low[0], low[1], ground])
    _floor(axes, low, high, ground)
    fine = float(np.clip(FINE_M / (high - low)[:2].max(), 0.35, 1.0))
    inside = {person: [s for s in samples if _inside(s, low, high)]
              for person, samples in log.people.items()}
    for person, samples in inside.items():
        if samples:
            _track(axes, samples, colour(person), ground if log.world_known else None, fine)
            _person(axes, person, samples, moment, fine)
    if near:
        _camera(axes, log)
    outside = sum(not samples for samples in inside.values())
    if outside:
        axes.text2D(0.09, 0.10, f'{_people(outside)} outside this view', color=INK, fontsize=10,
                    transform=axes.transAxes)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(ground, high[2]))
    axes.zaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_box_aspect(high - low, zoom=1.08)
    axes.view_init(elev=24, azim=_azimuth(log))
    _style_3d(axes)


def _track(axes: Axes, samples: list[Sample], rgb: tuple[float, float, float],
           ground: float | None, fine: float) -> None:
    """The way on the ground, dashed while hidden; without a level ground under the feet."""
    for part in _runs(samples):
        for seen, piece in _by_sight(part):
            points = np.array([s.ground for s in piece])
            if ground is not None:
                points[:, 2] = ground
            axes.plot(*points.T, color=rgb, lw=(0.5 + 1.5 * fine) * (1.0 if seen else 0.6),
                      alpha=0.9, ls='-' if seen else (0, (2, 2)))


def _person(axes: Axes, person: int, samples: list[Sample], moment: float, fine: float) -> None:
    """The skeleton at the moment shown, or pale where the person was at another time."""
    now = next((s for s in samples if abs(s.time_s - moment) < 1e-6), None)
    shown = now or samples[len(samples) // 2]
    _skeleton(axes, shown, colour(person), 1.0 if now else 0.28, fine)
    axes.text(*shown.joints[0, :2], shown.joints[:, 2].max() + 0.1 / fine, str(person),
              color=(*colour(person), 1.0 if now else 0.5), fontsize=11, ha='center',
              weight='bold')


def _inside(sample: Sample, low: Floats, high: Floats) -> bool:
    place = sample.joints[0, :2]
    return bool((place > low[:2]).all() and (place < high[:2]).all())


def _ground_height(log: SceneLog, low: Floats) -> float:
    heights = [s.ground[2] for samples in log.people.values() for s in samples if s.seen]
    return float(np.median(heights)) - 0.08 if heights else float(low[2])     # soles of the feet


def _azimuth(log: SceneLog) -> float:
    """From behind and beside the camera."""
    forward = log.cameras[-1][:3, 2] if log.cameras else np.array([0.0, 1.0, 0.0])
    return float(np.degrees(np.arctan2(-forward[1], -forward[0]))) + 32


def _floor(axes: Axes, low: Floats, high: Floats, ground: float) -> None:
    """A grid of one metre, or of more where that would be too dense."""
    least = (high - low)[:2].max() / GRID_LINES
    decade = 10.0 ** np.floor(np.log10(max(least, 1.0)))
    step = next(s for s in decade * np.array([1, 2, 5, 10]) if s >= least)
    xs = np.arange(np.ceil(low[0] / step), high[0] / step) * step
    ys = np.arange(np.ceil(low[1] / step), high[1] / step) * step
    lines = [[(x, low[1], ground), (x, high[1], ground)] for x in xs]
    lines += [[(low[0], y, ground), (high[0], y, ground)] for y in ys]
    axes.add_collection3d(Line3DCollection(lines, colors=GRID, linewidths=0.7))
    axes.text2D(0.09, 0.13, f'grid {step:g} m', transform=axes.transAxes, color=INK, fontsize=10)


def _skeleton(axes: Axes, sample: Sample, rgb: tuple[float, float, float], alpha: float,
              fine: float) -> None:
    bones = np.array(H36M17.bones)
    hidden = sample.hidden[bones].any(-1)
    for chosen, width, style in ((~hidden, 2.6, '-'), (hidden, 1.4, (0, (2, 1.4)))):
        if chosen.any():
            axes.add_collection3d(Line3DCollection(
                sample.joints[bones[chosen]], colors=[(*rgb, alpha)], linewidths=width * fine,
                linestyles=[style]))
    seen = sample.joints[~sample.hidden]
    axes.scatter(*seen.T, color=[(*rgb, alpha)], s=9 * fine ** 2, depthshade=False)


def _camera(axes: Axes, log: SceneLog) -> None:
    """Its way and what it sees, at the beginning and at the end."""
    if not log.cameras or log.camera is None:
        return
    way = np.array([pose[:3, 3] for pose in log.cameras])
    axes.plot(*way.T, color=INK, lw=1.4)
    moved = np.linalg.norm(way.max(0) - way.min(0)) > 0.3
    for pose, alpha in ((log.cameras[0], 0.4), (log.cameras[-1], 1.0))[not moved:]:
        axes.add_collection3d(Line3DCollection(
            _frustum(log.camera, pose), colors=[(0.85, 0.87, 0.9, alpha)], linewidths=1.3))
    axes.text(*way[-1] - (0, 0, 0.35), 'camera', color=INK, fontsize=10, ha='center')


def _frustum(camera: Camera, pose: Floats) -> Floats:
    """Line segments (8, 2, 3) of the viewing pyramid."""
    w, h = camera.size
    rays = camera.rays(np.array([[0.0, 0], [w, 0], [w, h], [0, h]]))
    corners = FRUSTUM_M * np.concatenate([rays, np.ones((4, 1))], -1)
    corners = corners @ pose[:3, :3].T + pose[:3, 3]
    eye = np.broadcast_to(pose[:3, 3], (4, 3))
    return np.concatenate([np.stack([eye, corners], 1),
                           np.stack([corners, np.roll(corners, -1, 0)], 1)])


def _plan(axes: Axes, log: SceneLog, moment: float) -> None:
    low, high = _bounds(log, with_camera=True)
    for person, samples in log.people.items():
        rgb = colour(person)
        for part in _runs(samples):
            for seen, piece in _by_sight(part):
                x, y = np.array([s.joints[0, :2] for s in piece]).T
                axes.plot(x, y, color=rgb, lw=1.8 if seen else 1.1,
                          ls='-' if seen else (0, (2, 2)))
        here = [s for s in samples if abs(s.time_s - moment) < 1e-6]
        for s in here:
            x, y = s.joints[0, :2].tolist()
            axes.add_patch(Circle((x, y), s.root_std, color=(*rgb, 0.18), lw=0))
            axes.plot(x, y, 'o', color=rgb, ms=6, mfc=rgb if s.seen else 'none')
        x, y = (here[0] if here else samples[-1]).joints[0, :2]
        axes.annotate(str(person), (x, y), (5, 4), textcoords='offset points', color=rgb,
                      fontsize=9, annotation_clip=True, clip_on=True)
    if log.cameras and log.camera is not None:
        way = np.array([pose[:2, 3] for pose in log.cameras])
        axes.plot(*way.T, color=INK, lw=1.2)
        for segment in _frustum(log.camera, log.cameras[-1]):
            axes.plot(*segment.T[:2], color=INK, lw=0.9)
    size = np.array([PLAN[2] * FIGURE_INCHES[0], PLAN[3] * FIGURE_INCHES[1]])
    centre = (low + high)[:2] / 2
    half = ((high - low)[:2] / size).max() * size / 2          # equal scales fill the view
    (left, bottom), (right, top) = centre - half, centre + half
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel='x [m]', ylabel='y [m]')
    axes.set_title('from above; circles: one standard deviation', color=INK, fontsize=11,
                   loc='left')
    _style(axes)


def _time_line(axes: Axes, log: SceneLog, moment: float) -> None:
    """When each person was seen (thick) and when only believed to be there (thin)."""
    longest = sorted(log.people, key=lambda p: -len(log.people[p]))[:LISTED]
    rows = {person: row for row, person in enumerate(sorted(longest))}
    for person, row in rows.items():
        for part in _runs(log.people[person]):
            for seen, piece in _by_sight(part):
                axes.plot([piece[0].time_s, piece[-1].time_s], [row, row], color=colour(person),
                          lw=5 if seen else 1.2, solid_capstyle='butt')
    axes.axvline(moment, color=INK, lw=0.8, ls=':')
    axes.set_yticks(list(rows.values()), [str(p) for p in rows], fontsize=8)
    axes.set(xlabel='time [s]', xlim=(0, max(log.duration_s, 1e-3)), ylim=(len(rows), -1))
    axes.set_ylabel('id')
    left_out = len(log.people) - len(rows)
    more = f' ({left_out} short ones left out)' if left_out else ''
    axes.set_title(f'when each person was seen{more}', color=INK, fontsize=11, loc='left')
    axes.legend(handles=[Line2D([], [], color=INK, lw=5, label='seen'),
                         Line2D([], [], color=INK, lw=1.2, label='hidden, inferred')],
                loc='lower right', bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False,
                labelcolor=INK, fontsize=9, borderpad=0)
    _style(axes)
    axes.grid(axis='y', visible=False)


def _runs(samples: list[Sample]) -> list[list[Sample]]:
    """Parts without gaps in time."""
    runs: list[list[Sample]] = []
    for sample in samples:
        if runs and sample.time_s - runs[-1][-1].time_s < GAP_S:
            runs[-1].append(sample)
        else:
            runs.append([sample])
    return runs


def _by_sight(run: list[Sample]) -> list[tuple[bool, list[Sample]]]:
    """Pieces that are seen or not; each begins where the one before ends."""
    pieces: list[tuple[bool, list[Sample]]] = []
    for sample in run:
        if pieces and pieces[-1][0] == sample.seen:
            pieces[-1][1].append(sample)
        else:
            before = [pieces[-1][1][-1]] if pieces else []
            pieces.append((sample.seen, [*before, sample]))
    return pieces


def _style(axes: Axes) -> None:
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
    for spine in axes.spines.values():
        spine.set_color(GRID)


def _style_3d(axes: Axes) -> None:
    axes.grid(visible=False)
    for axis, label in ((axes.xaxis, 'x [m]'), (axes.yaxis, 'y [m]'), (axes.zaxis, '')):
        axis.set_pane_color((0, 0, 0, 0))
        axis.line.set_color(GRID)
        axis.set_label_text(label, color=INK)
        axis.set_tick_params(colors=INK, labelsize=8)
