"""All tables, the picture and the fitted numbers from what was looked at."""
from __future__ import annotations

from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np
import yaml
from detector_noise_evidence import (
    belief_table,
    covered_table,
    habits_table,
    join_covered,
    percent,
    score_table,
    stills_table,
    table,
    videos_table,
)
from detector_noise_fit import (
    CALM,
    FITTED,
    LAGS,
    OF_PART,
    STEP,
    WRONG,
    Sample,
    Statistics,
    autocovariance,
    fit,
    measure,
    measured,
    pooled,
    sides_of,
    simulated,
    spells_s,
    swapped_share,
)
from detector_noise_truth import FPS, SIZES, TRUTH_SHARE, Errors, Truth, errors_of, read_truth

from ros2_occpose.errors import InputError
from ros2_occpose.skeleton import COCO17
from ros2_occpose.training.views.detections import PARTS, DetectorNoise
from ros2_occpose.types import Floats

_SHOWN = ('shoulder', 'wrist', 'ankle')
_COVERED_SIZE = 0.4


def report(data: Path, output: Path) -> None:
    """Print the tables; write report.md, noise.yaml and noise.png."""
    truth = read_truth(data / 'video' / 'multiview')
    views = range(len(truth.cameras))
    looks = {size: errors_of(truth, [_read(output / f'view{view}_{size}.npz') for view in views],
                             size) for size in SIZES}
    stills = _read(output / 'stills.npz')
    covered = [(view, _read(path)) for view in views
               for path in sorted(output.glob(f'covered{view}_*.npz'))]
    videos = {path.stem.removeprefix('video_').replace('_1.0', ''): _read(path)
              for path in sorted(output.glob('video_*.npz'))}
    hidden = join_covered(truth, covered, _COVERED_SIZE)
    fitted, trained = fit(truth, looks), DetectorNoise()
    videos |= _as_videos(truth, looks[_COVERED_SIZE], fitted)
    samples = {name: {size: simulated(noise, truth, looks[size], size) for size in SIZES}
               for name, noise in (('fit', fitted), ('training', trained))}
    text = '\n\n'.join([
        '## Errors', errors_table(truth, looks, samples),
        '## One by one', people_table(truth, looks),
        '## How long they last', covariance_table(looks, samples),
        '## Together', together_table(list(looks.values())),
        '## Habits', habits_table(truth, looks[1.0], stills),
        '## Confidence', score_table(list(looks.values()), stills),
        '## Hidden joints', covered_table(hidden), belief_table(hidden),
        '## Stills', stills_table(stills), '## Videos', videos_table(videos)])
    print(text)
    (output / 'report.md').write_text(text + '\n')
    (output / 'noise.yaml').write_text(_as_yaml(fitted))
    draw(output / 'noise.png', looks, samples)


def _read(path: Path) -> dict[str, Floats]:
    if not path.is_file():
        raise InputError(f'Expected {path}; run `measure_detector_noise.py look` first.')
    with np.load(path) as content:
        return dict(content)


def _as_videos(truth: Truth, look: Errors, noise: DetectorNoise) -> dict[str, dict[str, Floats]]:
    """The calibrated views at 30 Hz as were they videos: as seen, simulated, and the truth."""
    error, seen, _ = measured(look)
    height = truth.height_px.reshape(len(error), -1)[:, ::STEP, None, None] * _COVERED_SIZE
    points = truth.points_px.reshape(look.error.shape)[:, ::STEP] * _COVERED_SIZE
    kinds = {'four views': (error, seen),
             'four views, simulated': simulated(noise, truth, look, _COVERED_SIZE),
             'four views, truth': (0 * error, np.ones_like(seen))}
    videos = {}
    for name, (wrong, told) in kinds.items():
        copies = len(wrong) // len(error)
        found = np.isfinite(wrong).all((2, 3))
        person, frame = np.nonzero(found)
        there = np.repeat(points, copies, 0) + wrong * np.repeat(height, copies, 0)
        videos[name] = {'frame': frame, 'id': person, 'points_px': there[found],
                        'visibility': told[found].astype(float), 'fps': np.array(FPS / STEP),
                        'every': np.array(1)}
    return videos


def _as_yaml(fitted: DetectorNoise) -> str:
    numbers = {name: list(value) if isinstance(value, tuple) else round(value, 4)
               for name, value in asdict(fitted).items() if name in FITTED}
    return str(yaml.safe_dump(numbers, sort_keys=False, default_flow_style=None))


def errors_table(truth: Truth, looks: dict[float, Errors],
                 samples: dict[str, dict[float, Sample]]) -> str:
    """Quantiles of errors and shares of what goes wrong, measured and simulated."""
    rows = []
    for size in (max(looks), min(looks)):
        tall = float(np.mean(truth.height_px)) * size
        kinds = {'measured': measured(looks[size]),
                 **{f'simulated, {name}': (*sample[size], None)
                    for name, sample in samples.items()}}
        tables = {name: measure(*each) for name, each in kinds.items()}
        for part in PARTS:
            rows += [[part if i == 0 else '', f'{tall:.0f}', name, *row_of(each[part])]
                     for i, (name, each) in enumerate(tables.items())]
        for name, each in kinds.items():
            arms, legs = swapped_share(each[0], sides_of(truth))
            rows.append(['sides swapped', f'{tall:.0f}', name, f'arms {percent(arms, 1)}',
                         f'legs {percent(legs, 1)}', *[''] * 8])
    return table(['part', 'height px', '', '25 %', '50 %', '75 %', '90 %', '95 %', 'moving rms',
                  'offset rms', 'wrong', 'wrong s', 'lost / burst s'], rows)


def people_table(truth: Truth, looks: dict[float, Errors]) -> str:
    """Each person in each view, all joints and sizes together."""
    views, people = truth.height_px.shape[:2]
    rows: list[list[object]] = []
    for person, view in np.ndindex(people, views):
        row = view * people + person
        error = np.concatenate([measured(look)[0][row] for look in looks.values()])
        seen = np.concatenate([measured(look)[1][row] for look in looks.values()])
        size = np.linalg.norm(error, axis=-1)
        known = np.isfinite(size)
        covariance = np.mean([autocovariance(measured(look)[0][row:row + 1])[0]
                              - TRUTH_SHARE * autocovariance(measured(look)[2][row:row + 1])[0]
                              for look in looks.values()])
        rows.append([f'person {person + 1}, view {view + 1}', known.sum(),
                     *(percent(np.quantile(size[known], share)) for share in (.5, .9)),
                     percent(np.sqrt(max(covariance, 0.0))),
                     percent(((size > WRONG) & seen).sum() / known.sum(), 1),
                     percent(1 - seen[known].mean(), 1)])
    return table(['', 'joints', '50 %', '90 %', 'moving rms', 'wrong', 'lost'], rows)


def row_of(each: Statistics) -> list[str]:
    """Columns of a table of errors."""
    return [*(percent(value) for value in each.total[:5]),
            percent(float(np.sqrt(each.covariance[0]))), percent(each.offset),
            percent(each.wrong, 1), f'{each.wrong_s:.2f}',
            f'{percent(each.lost, 1)} / {each.lost_s:.2f}']


def covariance_table(looks: dict[float, Errors], samples: dict[str, dict[float, Sample]]) -> str:
    """Correlation of calm errors with those of later frames, all sizes together."""
    rows = []
    real = [measure(*measured(errors)) for errors in looks.values()]
    made = {name: [measure(*each) for each in sample.values()] for name, sample in samples.items()}
    for part in PARTS:
        for name, tables in (('measured', real), *made.items()):
            values = pooled(tables, part, 'covariance')
            rows.append([part if tables is real else '', name,
                         *(f'{value / values[0]:.2f}' for value in values[1:])])
    return table(['part', '', *(f'{lag / 30 * 1e3:.0f} ms' for lag in LAGS[1:])], rows)


def together_table(looks: list[Errors]) -> str:
    """Which joints are wrong together, and whose calm errors are alike."""
    error = np.concatenate([look.error for look in looks])
    size = np.linalg.norm(error, axis=-1)
    rows: list[list[object]] = []
    for near, far in (('elbow', 'wrist'), ('knee', 'ankle')):
        a, b = (size[..., OF_PART[part]] for part in (near, far))
        wrong = (a > WRONG) & np.isfinite(b)
        rows.append([f'wrong {near} with a wrong {far}', percent((b[wrong] > WRONG).mean(), 0)])
    calm = error - np.nanmedian(error, 1, keepdims=True)
    calm[np.linalg.norm(calm, axis=-1) > CALM] = np.nan
    columns = np.ma.masked_invalid(np.moveaxis(calm, 2, 0).reshape(len(COCO17.joints), -1))
    alike = np.ma.corrcoef(columns).filled(np.nan)
    face = set(OF_PART['face'])
    pairs = set(combinations(range(len(alike)), 2))
    faces = {pair for pair in pairs if face.issuperset(pair)}
    limbs = {pair for pair in pairs & set(COCO17.bones) if face.isdisjoint(pair)}
    kinds = {'points of the face': faces, 'neighbours on a limb': limbs,
             'all others': pairs - faces - limbs}
    for name, chosen in kinds.items():
        values = [alike[pair] for pair in chosen]
        rows.append([f'correlation of {name}: mean (10 % to 90 %)',
                     '{:.2f} ({:.2f} to {:.2f})'.format(
                         np.mean(values), *np.quantile(values, (.1, .9)))])
    return table(['', 'value'], rows)


def draw(path: Path, looks: dict[float, Errors], samples: dict[str, dict[float, Sample]]) -> None:
    """Errors, their correlation and how long they are wrong: measured and simulated."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    figure, (errors, lags, spells) = plt.subplots(1, 3, figsize=(13, 4), layout='constrained')
    for colour, part in zip(('tab:blue', 'tab:red', 'tab:green'), _SHOWN, strict=True):
        joints = OF_PART[part]
        real = [measured(look) for look in looks.values()]
        drawn = {'measured': ('-', real)} | {
            name: (style, list(samples[kind].values()))
            for name, style, kind in (('simulated, fit', '--', 'fit'),
                                      ('simulated, training', ':', 'training'))}
        for name, (style, kinds) in drawn.items():
            sizes = np.concatenate([np.linalg.norm(each[0][:, :, joints], axis=-1).ravel()
                                    for each in kinds])
            sizes = np.sort(sizes[np.isfinite(sizes)])[::1 if name == 'measured' else 50]
            errors.plot(100 * sizes, np.linspace(1, 0, len(sizes)), style, color=colour,
                        label=f'{part}, {name}')
            covariance = pooled([measure(*each) for each in kinds], part, 'covariance')
            lags.plot(np.array(LAGS) / 30, covariance / covariance[0], style, color=colour)
            for wrong, width in ((True, 1.5), (False, 0.7)):
                if part == 'shoulder' and not wrong:
                    continue
                lengths = np.sort(np.concatenate([
                    spells_s(each[0][:, :, joints], each[1][:, :, joints], wrong=wrong)
                    for each in kinds]))
                spells.step(lengths, np.linspace(1, 0, len(lengths)), style, color=colour,
                            linewidth=width)
    errors.set(xscale='log', yscale='log', xlim=(.2, 70), ylim=(.005, 1), ylabel='share above',
               xlabel='error [% of the height]', xticks=[.3, 1, 3, 10, 30],
               xticklabels=['0.3', '1', '3', '10', '30'])
    errors.legend(fontsize=7)
    lags.set(xlabel='later by [s]', ylabel='correlation of calm errors')
    spells.set(xlabel='longer than [s]', ylabel='share of spells', xlim=(0, .6), yscale='log',
               ylim=(.01, 1), title='wrong (thick) and lost (thin)')
    figure.savefig(path, dpi=110)
    plt.close(figure)
