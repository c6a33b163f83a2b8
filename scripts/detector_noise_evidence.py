"""Tables of labels, confidence, covers, videos and habits."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from detector_noise_fit import OF_PART, SEEN, WRONG
from detector_noise_truth import Errors, Truth, errors_of, hidden_by
from scipy.signal import savgol_filter

from ros2_occpose.skeleton import COCO17
from ros2_occpose.training.views.detections import PARTS
from ros2_occpose.types import Bools, Floats

Rows = dict[str, Floats]
_SCORES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0001)
_ADULT_M = (('shoulder', 'hip', .50), ('shoulder', 'elbow', .28), ('elbow', 'wrist', .25),
            ('hip', 'knee', .42), ('knee', 'ankle', .41))
_FOUND = 0.6                    # heights a joint may be off in a still, else the person is another
_SMOOTH_S = 0.3                 # of the track that is taken as true motion
_LEAST_FRAMES = 20
_FEWEST_HIDDEN = 12             # frames
_QUARTERS = (0.1, 0.25, 0.5, 0.75, 0.9)
_JITTER = ('shoulder', 'wrist', 'hip', 'ankle')


def table(head: list[str], rows: list[list[object]]) -> str:
    """Markdown; numbers are right-aligned."""
    align = ['---'] + ['---:'] * (len(head) - 1)
    return '\n'.join('| ' + ' | '.join(map(str, row)) + ' |' for row in [head, align, *rows])


def percent(value: float, digits: int = 2) -> str:
    """A share, as people read it."""
    return '–' if not np.isfinite(value) else f'{100 * value:.{digits}f}'


def upright_px(points: Floats, known: Bools) -> Floats:
    """Height of standing people from the longest of their limbs, (N, 17, 2) -> (N,) [px]."""
    ratios = []
    for near, far, length in _ADULT_M:
        for side in ('left', 'right'):
            a, b = COCO17.indices(f'{side}_{near}', f'{side}_{far}')
            ratio = np.linalg.norm(points[:, a] - points[:, b], axis=-1) / length
            ratios.append(np.where(known[:, a] & known[:, b], ratio, 0.0))
    return 1.7 * np.sort(ratios, axis=0)[-2]        # the longest may be an error


def of_stills(stills: Rows) -> tuple[Floats, Floats, Floats, Floats]:
    """Errors in heights (N, 17), flags of the labels (1 hidden, 2 seen), scores, and sources."""
    labels, points = stills['labels'], stills['points_px']
    height = upright_px(labels[..., :2], labels[..., 2] > 0)
    size = np.linalg.norm(points - labels[..., :2], axis=-1) / np.maximum(height, 1)[:, None]
    size[labels[..., 2] == 0] = np.nan
    use = (height > 0) & (np.nanmedian(np.where(np.isfinite(size), size, np.nan), 1) < .1)
    return size[use], labels[use, :, 2], stills['scores'][use], stills['source'][use]


def stills_table(stills: Rows) -> str:
    """Against people's labels, by what the label says of the joint."""
    size, flags, scores, source = of_stills(stills)
    told = source != 'posetrack18'                  # whose labels do not say what is hidden
    rows = []
    for part, joints in OF_PART.items():
        for name, flag in (('seen', 2), ('hidden', 1)):
            pick = (flags[:, joints] == flag) & told[:, None]
            if flag == 2:
                pick |= ~told[:, None] & (flags[:, joints] > 0)
            error, score = size[:, joints][pick], scores[:, joints][pick]
            if len(error) < 3:
                continue
            rows.append([part, name, len(error), percent(np.median(error), 1),
                         percent(np.quantile(error, .9), 1), percent((error > WRONG).mean(), 0),
                         f'{np.median(score):.2f}', percent((score >= SEEN).mean(), 0)])
    return table(['part', 'label', 'joints', 'median', '90 %', 'wrong', 'score', 'stated seen'],
                 rows)


def score_table(looks: list[Errors], stills: Rows) -> str:
    """What a score is worth."""
    size = np.concatenate([np.linalg.norm(look.error, axis=-1).ravel() for look in looks])
    score = np.concatenate([look.score.ravel() for look in looks])
    still_size, _, still_score, _ = of_stills(stills)
    rows = []
    for low, high in pairwise(_SCORES):
        row: list[object] = [f'{low} to {min(high, 1)}']
        for errors, values in ((size, score), (still_size.ravel(), still_score.ravel())):
            known = np.isfinite(errors) & np.isfinite(values)
            pick = errors[known & (values >= low) & (values < high)]
            row += [percent(len(pick) / known.sum(), 1), *(
                [percent(np.median(pick), 1), percent(np.quantile(pick, .9), 1),
                 percent((pick > WRONG).mean(), 0)] if len(pick) else ['–'] * 3)]
        rows.append(row)
    columns = ['share', 'median', '90 %', 'wrong']
    return table(['score', *columns, *(f'stills: {name}' for name in columns)], rows)


@dataclass(frozen=True)
class Covered:
    """Everybody before whom something was painted, S sequences."""

    error: Floats               # (S, T, 17, 2) in heights, NaN where nothing can be said
    score: Floats               # (S, T, 17) NaN where the person was not found
    visibility: Floats          # (S, T, 17)
    hidden: Bools               # (S, T, 17)


def join_covered(truth: Truth, covered: list[tuple[int, Rows]], size: float) -> Covered:
    """What was seen of covered people, view by view."""
    columns: list[list[Floats]] = [[], [], [], []]
    for view, rows in covered:
        views = [rows if v == view else _nobody(rows) for v in range(len(truth.cameras))]
        errors = errors_of(truth, views, size)
        hidden = np.zeros(truth.points_px.shape[:4], bool)
        hidden[view] = hidden_by(truth, view, rows['cover_px'])
        for column, values in zip(columns, (
                errors.error, errors.score, errors.visibility,
                hidden.reshape(-1, *hidden.shape[2:])), strict=True):
            column.append(values)
    return Covered(*(np.concatenate(column) for column in columns))


def belief_table(covered: Covered) -> str:
    """How long it is decided whether a hidden joint is stated as seen, and how its error moves."""
    shares, constant, moving, alike = [], [], [], []
    for row, joint in np.ndindex(len(covered.error), covered.error.shape[2]):
        there = covered.hidden[row, :, joint] & np.isfinite(covered.score[row, :, joint])
        if there.sum() < _FEWEST_HIDDEN:
            continue
        shares.append((covered.visibility[row, there, joint] >= SEEN).mean())
        error = covered.error[row, there, joint]
        middle = np.nanmedian(error, 0)
        constant.append(100 * np.linalg.norm(middle))
        moving.append(100 * np.nanmedian(np.linalg.norm(error - middle, axis=-1)))
        away = error - np.nanmean(error, 0)
        alike.append(np.nanmean(away[1:] * away[:-1]) / np.nanmean(away ** 2))
    rows: list[list[object]] = [
        [name, *(f'{value:.2f}' for value in np.nanquantile(values, _QUARTERS))]
        for name, values in (('share of the time stated as seen', shares),
                             ('constant error [%]', constant),
                             ('moving error, median [%]', moving),
                             ('its correlation at 30 Hz', alike))]
    return table([f'{len(shares)} hidden joints', *(f'{100 * q:.0f} %' for q in _QUARTERS)], rows)


def covered_table(covered: Covered) -> str:
    """Joints behind painted covers: how many are stated as seen, and how wrong."""
    error, hidden = np.linalg.norm(covered.error, axis=-1), covered.hidden
    score, visibility = covered.score, covered.visibility
    found, lines = np.isfinite(score), []
    for part, joints in OF_PART.items():
        pick = (hidden & found)[..., joints]
        stated = pick & (visibility[..., joints] >= SEEN)
        wrong = error[..., joints][stated & np.isfinite(error[..., joints])]
        opened = (~hidden & found & np.isfinite(error))[..., joints]
        lines.append([
            part, int(pick.sum()), percent((score[..., joints][pick] >= SEEN).mean(), 0),
            percent(stated.sum() / pick.sum(), 0), percent(np.median(wrong), 1),
            percent(np.quantile(wrong, .9), 1), f'{np.median(score[..., joints][pick]):.2f}',
            f'{np.median(score[..., joints][opened]):.2f}',
            percent(np.median(error[..., joints][opened]), 1)])
    return table(['part', 'hidden', 'score over threshold', 'stated seen after the flow',
                  'median error of these', '90 %', 'score', 'score, open', 'error, open'], lines)


def _nobody(rows: Rows) -> Rows:
    return {name: rows[name][:0] for name in ('frame', 'points_px', 'scores', 'visibility')}


def video_rows(name: str, seen: Rows) -> list[list[object]]:
    """A line of how a video agrees with itself, and a line of what it loses."""
    every, fps = int(seen['every']), float(seen['fps'])
    jitter: dict[str, list[float]] = {part: [] for part in PARTS}
    alike: list[tuple[float, float]] = []
    lost: dict[str, list[bool]] = {part: [] for part in PARTS}
    bursts, heights, frames, flips = [], [], 0, 0
    for person in np.unique(seen['id']):
        mine = seen['id'] == person
        if mine.sum() < _LEAST_FRAMES:
            continue
        frame, points = seen['frame'][mine] // every, seen['points_px'][mine]
        stated = seen['visibility'][mine] >= SEEN
        height = float(np.median(upright_px(points, np.ones(points.shape[:2], bool))))
        heights.append(height)
        for part, joints in OF_PART.items():
            lost[part] += list((~stated[:, joints]).ravel())
        bursts += [length / fps for joint in range(17) for length in _runs(~stated[:, joint])]
        frames += len(frame)
        flips += _flips(points, frame, height)
        for stretch in np.split(np.arange(len(frame)), np.flatnonzero(np.diff(frame) != 1) + 1):
            rest = _restless(points[stretch] / height, fps)
            if rest is None:
                continue
            for part, joints in OF_PART.items():
                jitter[part] += list(np.abs(rest[:, joints]).ravel())
            alike.append((float((rest[1:] * rest[:-1]).sum()), float((rest ** 2).sum())))
    correlation = np.sum(alike, 0)[0] / np.sum(alike, 0)[1] if alike else np.nan
    return [[name, f'{fps:.0f}', len(heights), f'{np.median(heights):.0f}',
             *(percent(float(np.median(jitter[part])) / .6745) if jitter[part] else '–'
               for part in _JITTER), f'{correlation:.2f}',
             percent(flips / max(frames, 1), 1),
             *(percent(float(np.mean(lost[part])), 1) for part in PARTS),
             f'{np.mean(bursts):.2f}' if bursts else '–']]


def _runs(on: Bools) -> list[int]:
    edges = np.diff(np.concatenate([[0], on.astype(int), [0]]))
    return list(np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0))


def _flips(points: Floats, frame: Floats, height: float) -> int:
    """Frames whose joints fit the frames around them much better with the sides exchanged."""
    whole = (np.diff(frame)[1:] == 1) & (np.diff(frame)[:-1] == 1)
    around = (points[2:] + points[:-2]) / 2
    own, other = (np.linalg.norm(each[1:-1] - around, axis=-1).mean(1)
                  for each in (points, points[:, COCO17.mirror]))
    return int((whole & (other < .5 * own) & (own > .02 * height)).sum())


def _restless(points: Floats, fps: float) -> Floats | None:
    """What a smooth track leaves of joints around the middle of the body, (T, 17, 2)."""
    window = 2 * int(_SMOOTH_S * fps / 2) + 1
    if len(points) < 2 * window or window < 5:
        return None
    middle = points[:, [j for part in ('shoulder', 'hip') for j in OF_PART[part]]]
    around = points - middle.mean(1, keepdims=True)
    return np.asarray(around - savgol_filter(around, window, 2, axis=0))


def videos_table(videos: dict[str, Rows]) -> str:
    """How videos agree with themselves."""
    rows = [row for name, seen in videos.items() for row in video_rows(name, seen)]
    return table(['video', 'Hz', 'people', 'height px',
                  *(f'jitter {part}' for part in _JITTER), 'lag 1', 'flips',
                  *(f'lost {part}' for part in PARTS), 'burst s'], rows)


def habits_table(truth: Truth, errors: Errors, stills: Rows) -> str:
    """Constant habits: what part of the error goes with the body."""
    labels = stills['labels']
    height = np.maximum(upright_px(labels[..., :2], labels[..., 2] > 0), 1)[:, None, None]
    use = np.isin(stills['source'], ('coco', 'ochuman'))
    given = np.where(labels[..., 2:] > 0, labels[..., :2], np.nan)
    scale = truth.height_px.reshape(-1, truth.height_px.shape[-1])[..., None, None]
    sources = ((errors.error, truth.points_px.reshape(errors.error.shape) / scale, WRONG),
               (((stills['points_px'] - given) / height)[use], (given / height)[use], .1))
    rows = []
    for name in ('nose', 'eye', 'ear', *PARTS[1:]):
        row: list[object] = [name]
        for error, points, most in sources:
            up, out, bone, number = habit(name, error, points, most)
            row += [number, f'{up:+.3f}', f'{out:+.3f}', f'{bone:+.3f}']
        rows.append(row)
    columns = ['number', 'up', 'out', 'along']
    return table(['joint', *columns, *(f'stills: {column}' for column in columns)], rows)


def habit(name: str, error: Floats, points: Floats, most: float,
          ) -> tuple[float, float, float, int]:
    """Robust fit of errors by trunk, width and bone; left and right together."""
    left, right = COCO17.indices('left_shoulder', 'right_shoulder')
    left_hip, right_hip = COCO17.indices('left_hip', 'right_hip')
    trunk = (points[..., left, :] + points[..., right, :]
             - points[..., left_hip, :] - points[..., right_hip, :]) / 2
    width = (points[..., left, :] - points[..., right, :]
             + points[..., left_hip, :] - points[..., right_hip, :]) / 2
    bases, errors = [], []
    for joint, each in enumerate(COCO17.joints):
        side, _, kind = each.partition('_')
        if (kind or each) != name:
            continue
        bone = points[..., max(COCO17.parents[joint], 0), :] - points[..., joint, :]
        limb = name in ('elbow', 'wrist', 'knee', 'ankle')
        sign = {'left': 1.0, 'right': -1.0}.get(side, 1.0)
        bases.append(np.stack([trunk, sign * width, bone * limb], -1))
        errors.append(error[..., joint, :])
    basis, wrong = np.array(bases), np.array(errors)
    good = (np.linalg.norm(wrong, axis=-1) < most) & np.isfinite(basis).all((-1, -2))
    design, value = basis[good].reshape(-1, 3), wrong[good].reshape(-1)
    weight = np.ones(len(value))
    for _ in range(10):
        fit = np.linalg.lstsq(design * weight[:, None], value * weight, rcond=None)[0]
        weight = 1 / np.sqrt(1 + ((value - design @ fit) / .015) ** 2)
    return float(fit[0]), float(fit[1]), float(fit[2]), int(good.sum())
