"""What a lifter is worth on the test split: errors, also of hidden joints, and calibration.

A first yardstick: virtual moving cameras, detector-like noise, hidden joints exactly as eq. 10-11
of the gated convolution paper and as STRIDE's blackouts.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry import align_similarity
from ..inference import Session
from ..lifting.metadata import NetworkMeta
from ..lifting.streaming import StepNetwork
from ..skeleton import COCO17, H36M17, conversion, convert
from ..types import Bools, Floats
from .cameras import draw_cameras
from .motion import FPS, Motion, h36m_of, load_motions
from .occlusion import blackouts, random_masks
from .sequences import Clips, frames_since, observe, to_sequences

PROTOCOLS = ('clean', 'random25', 'random50', 'blackout')
FRAMES, CAMERAS, KERNEL = 320, 2, 21      # a window, cameras that watch it, K of eq. 11
AFTER_S = (0.0, 0.2, 0.5, 1.0, 1.5)       # since the last sight of anybody
_ROOT = H36M17.index('hip')


@dataclass(frozen=True)
class Score:
    """Results of one protocol; lengths in mm."""

    mpjpe: float
    pa_mpjpe: float
    hidden_mpjpe: float           # nan where nothing was hidden
    within_1_std: float           # share within 1.88 std, ideally 0.68
    within_2_std: float           # share within 2.80 std, ideally 0.95
    hidden_within_1_std: float
    hidden_within_2_std: float
    acceleration: float           # mean length of the error of the second difference, per frame^2
    share_hidden: float
    by_gap: tuple[tuple[float, float, float], ...]     # seconds unseen, error, std; of blackouts


def report(session: Session, data: Path, *, seed: int = 0) -> dict[str, Score]:
    """Results of each protocol on the test split.

    Raises:
        DataError: There is no test clip in `data`.
    """
    motions = load_motions(data, ('test',))
    return {name: _score(session, motions, name, seed) for name in PROTOCOLS}


def table(scores: dict[str, Score]) -> str:
    """The results as a Markdown table."""
    rows = ['| protocol | hidden | MPJPE | PA-MPJPE | MPJPE of hidden joints | acceleration error '
            '| within 1.88 / 2.80 std | the same, hidden joints |', '|' + '---|' * 8]
    for name, s in scores.items():
        rows.append(
            f'| {name} | {100 * s.share_hidden:.0f} % | {s.mpjpe:.1f} | {s.pa_mpjpe:.1f} '
            f'| {_or_dash(s.hidden_mpjpe, ".1f")} | {s.acceleration:.1f} '
            f'| {s.within_1_std:.2f} / {s.within_2_std:.2f} '
            f'| {_or_dash(s.hidden_within_1_std, ".2f")} / '
            f'{_or_dash(s.hidden_within_2_std, ".2f")} |'
        )
    gaps = [
        f'{after:.1f} s: {error:.0f} mm, std {std:.0f} mm'
        for after, error, std in scores['blackout'].by_gap
    ]
    return '\n'.join(
        [
            *rows,
            '',
            'Seconds since anything of the person was seen (`blackout`), mean error and mean '
            'std of a joint: ' + '; '.join(gaps) + '.',
        ]
    )


def _or_dash(value: float, form: str) -> str:
    return '–' if np.isnan(value) else format(value, form)


def _score(session: Session, motions: Sequence[Motion], protocol: str, seed: int) -> Score:
    rng = np.random.default_rng([seed, 77])          # the same cameras and noise in every protocol
    body, valid = _windows(motions)
    cameras = draw_cameras(rng, body[:, :, :len(COCO17.joints)].mean(2))
    body_camera = cameras.to_camera(body)
    rays, _ = observe(rng, body_camera, cameras.half_view)
    seen = ~_masks(rng, protocol, *rays.shape[:3])
    sequences = to_sequences(Clips(
        rays, seen, seen, cameras.now_from_last(), h36m_of(body_camera)))
    joints, std = _answers(session, sequences.features, seen.astype(np.float32))
    return _judge(joints, std, sequences.target.astype(float), seen, valid & sequences.counts)


def _windows(motions: Sequence[Motion]) -> tuple[Floats, Bools]:
    """All clips in windows, once a camera: bodies (B, T, 18, 3), real frames (B, T)."""
    bodies, valid = [], []
    for motion in motions:
        for start in range(0, max(len(motion) - 30, 1), FRAMES):
            part = motion.body[start:start + FRAMES].astype(float)
            part[..., :2] -= part[:1, :, :2].mean(1, keepdims=True)
            fill = np.repeat(part[-1:], FRAMES - len(part), 0)
            bodies += [np.concatenate([part, fill])] * CAMERAS
            valid += [np.arange(FRAMES) < len(part)] * CAMERAS
    return np.stack(bodies), np.stack(valid)


def _masks(rng: np.random.Generator, protocol: str, batch: int, frames: int, joints: int) -> Bools:
    """Hidden joints (B, T, J)."""
    if protocol == 'blackout':
        return np.broadcast_to(blackouts(frames)[None, :, None], (batch, frames, joints))
    share = {'clean': 0.0, 'random25': 0.25, 'random50': 0.5}[protocol]
    if share == 0:
        return np.zeros((batch, frames, joints), bool)
    return np.stack([random_masks(rng, frames, joints, share, KERNEL) for _ in range(batch)])


def _answers(session: Session, features: Floats, seen: Floats) -> tuple[Floats, Floats]:
    if NetworkMeta.of(session).causal:
        joints, std = StepNetwork(session).sequence(features, seen)
    else:
        out = [
            session({'features': features[b : b + 1], 'seen': seen[b : b + 1]})
            for b in range(len(features))
        ]
        joints, std = (np.concatenate([o[key] for o in out]) for key in ('joints', 'std'))
    return joints.astype(float), std.astype(float)


def _judge(joints: Floats, std: Floats, target: Floats, seen: Bools, counts: Bools) -> Score:
    error = np.linalg.norm(joints - target, axis=-1)                                   # (B, T, 17)
    _, visible = convert(np.zeros((*seen.shape, 2)), seen.astype(float), COCO17, H36M17)
    given = np.asarray(conversion(COCO17, H36M17).any(1))
    given[_ROOT] = False
    hidden = (visible == 0) & given & counts[..., None]
    others = np.arange(len(H36M17.joints)) != _ROOT
    ratio = error / std
    all_ratio, hidden_ratio = ratio[counts][:, others], ratio[hidden]
    scale, turn, shift = align_similarity(joints[counts], target[counts])
    aligned = scale[:, None, None] * joints[counts] @ np.swapaxes(turn, -1, -2) + shift[:, None]
    bend = np.linalg.norm(np.diff(joints - target, n=2, axis=1), axis=-1)
    unseen_s = frames_since(seen.any(-1)) / FPS
    gaps = [(after, counts & (np.abs(unseen_s - after) < 0.5 / FPS)) for after in AFTER_S]
    return Score(
        mpjpe=1e3 * float(error[counts].mean()),
        pa_mpjpe=1e3 * float(np.linalg.norm(aligned - target[counts], axis=-1).mean()),
        hidden_mpjpe=1e3 * _mean(error[hidden]),
        within_1_std=_mean(all_ratio < 1.88),
        within_2_std=_mean(all_ratio < 2.80),
        hidden_within_1_std=_mean(hidden_ratio < 1.88),
        hidden_within_2_std=_mean(hidden_ratio < 2.80),
        acceleration=1e3 * float(bend[counts[:, 2:]].mean()),
        share_hidden=1 - float(seen[counts].mean()),
        by_gap=tuple(
            (after, 1e3 * _mean(error[rows][:, others]), 1e3 * _mean(std[rows][:, others]))
            for after, rows in gaps
            if rows.any()
        ),
    )


def _mean(values: Floats | Bools) -> float:
    return float(np.mean(values)) if values.size else float('nan')
