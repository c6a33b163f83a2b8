"""Errors of the detector in rendered scenes, whose truth is exact, and the numbers that fit.

Everything is measured in pieces of 1.7 s, as on real video: a mean is taken out of each piece, so
that numbers of longer ones were others.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from detector_noise_evidence import Rows, habit, percent, table
from detector_noise_fit import FITTED, OF_PART, SEEN, WRONG, Sample, approach, measure
from detector_noise_report import row_of
from detector_noise_truth import stature

from ros2_occpose.skeleton import COCO17
from ros2_occpose.training.views.detections import DEFAULT_NOISE, PARTS, DetectorNoise, detect
from ros2_occpose.types import Bools, Floats, Ints

SIGHT = ('seen', 'behind an object', 'behind a person', 'behind oneself', 'out of view')
_OBJECT, _PERSON, _ONESELF = 1, 2, 3
_PIECE_S = 1.7
_SAME = 0.1             # heights: median distance of somebody's joints from the truth
_NEAR_M = 0.3           # nobody nearer is looked at
_FEWEST = 6             # frames of a piece in which a joint is hidden, to tell what stays
_FEWEST_LOOKS = 100     # of joints of a part behind things, to change what training believes
_SCORES = (0.0, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0001)
_COPIES = 10
_HABITS = ('nose', 'eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
_LEAST_HABIT = .008
_MORE = ('habit_up', 'habit_out', 'habit_bone', 'invented', 'invented_size')     # than `FITTED`


@dataclass(frozen=True)
class Rendered:
    """S pieces of T frames, each of one person; lengths in heights, NaN where nobody was found."""

    rays: Floats                # (S, T, 17, 2) true ones
    height: Floats              # (S, T) of the person, standing upright, as a ray
    height_px: Floats           # (S, T)
    sight: Ints                 # (S, T, 17) of `SIGHT`
    error: Floats               # (S, T, 17, 2)
    score: Floats               # (S, T, 17)
    visibility: Floats          # (S, T, 17) the same after tracker and optical flow

    @property
    def open_error(self) -> Floats:
        """Errors of joints that nothing but the person's own body hides, as in real videos."""
        in_open = (self.sight == 0) | (self.sight == _ONESELF)
        return np.where(in_open[..., None], self.error, np.nan)

    @property
    def stated(self) -> Bools:
        """What is stated as seen; nobody found is nothing known."""
        return np.asarray(~(self.visibility < SEEN))


@dataclass(frozen=True)
class Evidence:
    """Of one bag."""

    name: str
    pieces: Rendered
    fps: float
    rows: int                   # people that the detector found
    strangers: Floats           # (N, 17) scores of those who are nobody


def read_evidence(path: Path, rows: Rows) -> Evidence:
    """What was seen in a bag, person by person, from its truth.npz."""
    with np.load(path) as truth:
        body, sight = truth['body'][:, :, :17].astype(float), truth['sight'][:, :, :17]
        points = truth['pixels'][:, :, :17].astype(float)
        pose, focal_px, stamps = truth['world_from_camera'], truth['k'][0, 0], truth['stamps_ns']
    camera = (body - pose[:, None, None, :3, 3]) @ pose[:, None, :3, :3]
    depth = np.maximum(camera[..., 2], _NEAR_M)
    tall = stature(body.swapaxes(0, 1)) / np.median(depth, -1)                     # (T, P)
    found = np.full((*sight.shape, 4), np.nan)
    away = np.linalg.norm(rows['points_px'][:, None] - points[rows['frame'].astype(int)], axis=-1)
    away = np.median(away, -1) / (focal_px * tall[rows['frame'].astype(int)])      # (R, P)
    for row in np.argsort(-away.min(1)):                     # the closest comes last and stays
        if away[row].min() < _SAME:
            found[int(rows['frame'][row]), int(away[row].argmin())] = np.column_stack([
                rows['points_px'][row], rows['scores'][row], rows['visibility'][row]])
    error = (found[..., :2] - points) / (focal_px * tall)[..., None, None]
    fps = 1e9 / float(np.median(np.diff(stamps)))
    whole = Rendered(camera[..., :2] / depth[..., None], tall, focal_px * tall, sight, error,
                     found[..., 2], found[..., 3])
    return Evidence(path.parent.name, _cut(whole, round(_PIECE_S * fps)), fps, len(away),
                    rows['scores'][away.min(1) >= _SAME])


def _cut(whole: Rendered, frames: int) -> Rendered:
    """Frames by people (T, P, ...) as pieces (S, frames, ...) in which somebody was found."""
    def cut(array: Floats) -> Floats:
        pieces = array[:len(array) // frames * frames].reshape(-1, frames, *array.shape[1:])
        return pieces.swapaxes(1, 2).reshape(-1, frames, *array.shape[2:])

    arrays = {field.name: cut(getattr(whole, field.name)) for field in fields(Rendered)}
    use = np.isfinite(arrays['score']).all(-1).sum(1) >= _FEWEST
    return Rendered(**{name: array[use] for name, array in arrays.items()})


def join(all_of: Sequence[Evidence]) -> Rendered:
    """The pieces of several bags."""
    return Rendered(*(np.concatenate([getattr(each.pieces, field.name) for each in all_of])
                      for field in fields(Rendered)))


def simulated(noise: DetectorNoise, real: Rendered) -> Sample:
    """The same people through simulated detectors at 30 Hz, every second frame."""
    frames = real.rays.shape[1]
    at, early = np.arange(2 * frames - 1) / 2, np.arange(2 * frames - 1) // 2
    late = np.ceil(at).astype(int)
    rays, height = ((each[:, early] + each[:, late]) / 2 for each in (real.rays, real.height))
    focal = float(np.median(real.height_px / real.height))
    noise = replace(noise, focal_px=(focal, focal + 1e-6))
    rays, height = np.repeat(rays, _COPIES, 0), np.repeat(height, _COPIES, 0)
    noisy, lost = detect(np.random.default_rng(0), rays, height / 1.7, noise)
    error = ((noisy - rays) / height[..., None, None])[:, ::2]
    known = np.repeat(np.isfinite(real.open_error), _COPIES, 0)
    return np.where(known, error, np.nan), ~lost[:, ::2]


def fit_rendered(real: Rendered, fps: float) -> DetectorNoise:
    """The noise that rendered scenes say, with their habits and what is hidden in them."""
    points = real.rays / real.height[..., None, None]
    across = points[:, :, COCO17.mirror] - points
    base = replace(DEFAULT_NOISE, **_habits(real, points), **_inventions(real))
    target = [measure(real.open_error, real.stated, frame_s=1 / fps)]
    return approach(target, [real.open_error], lambda noise: [simulated(noise, real)], across,
                    base)


def _habits(real: Rendered, points: Floats) -> dict[str, tuple[tuple[str, float], ...]]:
    """Habits that are worth naming."""
    found = {name: habit(name, real.open_error, points, WRONG)[:3] for name in _HABITS}
    return {kind: tuple((name, round(each[i], 3)) for name, each in found.items()
                        if abs(each[i]) > _LEAST_HABIT)
            for i, kind in enumerate(('habit_up', 'habit_out', 'habit_bone'))}


def _inventions(real: Rendered) -> dict[str, tuple[float, ...]]:
    """Which joints behind things are stated as seen, and what stays of their errors."""
    behind = ((real.sight == _OBJECT) | (real.sight == _PERSON)) & np.isfinite(real.score)
    shares, sizes = list(DEFAULT_NOISE.invented), list(DEFAULT_NOISE.invented_size)
    for i, part in enumerate(PARTS):
        hidden = behind[..., OF_PART[part]]
        if hidden.sum() < _FEWEST_LOOKS:
            continue
        shares[i] = round(float(real.stated[..., OF_PART[part]][hidden].mean()), 2)
        error = np.where(hidden[..., None], real.error[:, :, OF_PART[part]], np.nan)
        stays = np.linalg.norm(np.nanmedian(error, 1), axis=-1)[hidden.sum(1) >= _FEWEST]
        sizes[i] = round(float(np.median(stays)), 3) if len(stays) else sizes[i]
    return {'invented': tuple(shares), 'invented_size': tuple(sizes)}


def report_rendered(seen: dict[Path, Rows], output: Path) -> None:
    """Print the tables of rendered bags; write rendered.md and rendered.yaml."""
    all_of = [read_evidence(path, rows) for path, rows in seen.items()]
    real, fps = join(all_of), all_of[0].fps
    fitted = fit_rendered(real, fps)
    others = [fit_rendered(join([one for one in all_of if one is not left]), fps)
              for left in all_of] if len(all_of) > 1 else []
    text = '\n\n'.join([
        '## Parameters', parameters_table(fitted, others), '## Errors', errors_table(
            real, fps, {'fit': fitted, 'default': DEFAULT_NOISE}),
        '## By height', heights_table(real, fps), '## Confidence', score_table(real),
        '## Kinds of hiding', sight_table(real), '## Nobody', strangers_table(all_of)])
    print(text)
    (output / 'rendered.md').write_text(text + '\n')
    (output / 'rendered.yaml').write_text(yaml.safe_dump(
        {name: _plain(getattr(fitted, name)) for name in (*FITTED, *_MORE)}, sort_keys=False,
        default_flow_style=None))


def _plain(value: object) -> object:
    """Lists in place of tuples, for YAML."""
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def parameters_table(fitted: DetectorNoise, others: Sequence[DetectorNoise]) -> str:
    """The default and the fit; in brackets its range when one scene is left out."""
    rows: list[list[object]] = []
    for name in (*FITTED, 'invented', 'invented_size'):
        mine, real = getattr(fitted, name), getattr(DEFAULT_NOISE, name)
        single = not isinstance(mine, tuple)
        labels = ('',) if single else ('elbow', 'knee') if name == 'wrong_limb' else PARTS
        for i, part in enumerate(labels):
            spread = [v if single else v[i] for v in (getattr(o, name) for o in others)]
            value, default = (mine, real) if single else (mine[i], real[i])
            rows.append([name, part, percent(default), percent(value),
                         f'{percent(min(spread))} to {percent(max(spread))}' if spread else '–'])
    for name in ('habit_up', 'habit_out', 'habit_bone'):
        mine, real = dict(getattr(fitted, name)), dict(getattr(DEFAULT_NOISE, name))
        rows += [[name, part, percent(real.get(part, 0.0)), percent(mine.get(part, 0.0)),
                  ' to '.join(percent(end([dict(getattr(o, name)).get(part, 0.0)
                                           for o in others])) for end in (min, max))
                  if others else '–'] for part in _HABITS if part in real or part in mine]
    return table(['parameter', 'part', 'default [%]', 'rendered [%]', 'one scene left out'], rows)


def errors_table(real: Rendered, fps: float, noises: dict[str, DetectorNoise]) -> str:
    """Errors of joints in the open and how they last: measured and simulated."""
    kinds = {'measured': (real.open_error, real.stated),
             **{name: simulated(noise, real) for name, noise in noises.items()}}
    tables = {name: measure(*each, frame_s=1 / fps) for name, each in kinds.items()}
    rows: list[list[object]] = []
    for part in PARTS:
        for name, each in tables.items():
            lags = each[part].covariance / each[part].covariance[0]
            rows.append([part, name, *row_of(each[part]), *(f'{lag:.2f}' for lag in lags[1:5])])
    return table(['part', '', '25 %', '50 %', '75 %', '90 %', '95 %', 'moving rms', 'offset rms',
                  'wrong', 'wrong s', 'lost / burst s',
                  *(f'after {frames / fps * 1e3:.0f} ms' for frames in range(1, 5))], rows)


def heights_table(real: Rendered, fps: float) -> str:
    """Errors in the open by how tall people are."""
    tall = np.median(real.height_px, 1)
    rows: list[list[object]] = []
    for low, high in pairwise((0.0, *np.quantile(tall, (1 / 3, 2 / 3)), np.inf)):
        pick = (tall >= low) & (tall < high)
        each = measure(real.open_error[pick], real.stated[pick], frame_s=1 / fps).values()
        size = np.linalg.norm(real.open_error[pick], axis=-1)
        known = np.isfinite(size)
        rows.append([f'{np.median(tall[pick]):.0f}', int(known.sum()),
                     percent(np.median(size[known])),
                     percent(np.sqrt(np.mean([one.covariance[0] for one in each]))),
                     percent(float(np.mean([one.wrong for one in each])), 1)])
    return table(['height px', 'joints', '50 %', 'moving rms', 'wrong'], rows)


def score_table(real: Rendered) -> str:
    """What a score is worth, of joints in the open and behind objects and people."""
    size = np.linalg.norm(real.error, axis=-1)
    behind = (real.sight == _OBJECT) | (real.sight == _PERSON)
    in_open = (real.sight == 0) | (real.sight == _ONESELF)
    rows: list[list[object]] = []
    for low, high in pairwise(_SCORES):
        row: list[object] = [f'{low} to {min(high, 1)}']
        for kind in (in_open, behind):
            known = kind & np.isfinite(size)
            pick = size[known & (real.score >= low) & (real.score < high)]
            row += [percent(len(pick) / max(known.sum(), 1), 1), *(
                [percent(np.median(pick), 1), percent(np.quantile(pick, .9), 1),
                 percent((pick > WRONG).mean(), 0)] if len(pick) else ['–'] * 3)]
        rows.append(row)
    columns = ['share', 'median', '90 %', 'wrong']
    return table(['score', *columns, *(f'hidden: {name}' for name in columns)], rows)


def sight_table(real: Rendered) -> str:
    """Joints of people who were found, by what hides them."""
    size, found = np.linalg.norm(real.error, axis=-1), np.isfinite(real.score)
    rows: list[list[object]] = []
    for number, name in enumerate(SIGHT):
        for part in ('all', *PARTS):
            joints = slice(None) if part == 'all' else OF_PART[part]
            pick = ((real.sight == number) & found)[..., joints]
            if pick.sum() < _FEWEST_LOOKS // 2:
                continue
            score, stated = real.score[..., joints][pick], real.stated[..., joints][pick]
            wrong = size[..., joints][pick][stated]
            rows.append([name, part, int(pick.sum()), f'{np.median(score):.2f}',
                         percent((score >= SEEN).mean(), 0), percent(stated.mean(), 0),
                         *([percent(np.median(wrong), 1), percent(np.quantile(wrong, .9), 1)]
                           if len(wrong) else ['–'] * 2)])
    return table(['', 'part', 'joints', 'score', 'over threshold', 'stated seen after the flow',
                  'median error of these', '90 %'], rows)


def strangers_table(all_of: Sequence[Evidence]) -> str:
    """People found who are nobody: further than a tenth of a height from everyone."""
    rows: list[list[object]] = [
        [each.name, each.rows, len(each.strangers),
         percent(len(each.strangers) / max(each.rows, 1), 1),
         f'{np.median(each.strangers):.2f}' if len(each.strangers) else '–'] for each in all_of]
    return table(['scene', 'found', 'nobody', 'share', 'score of their joints'], rows)
