"""Training of a tiny network on toy motion: it learns, goes on where it stopped, and reports."""
from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.commands import export as export_command
from ros2_occpose.commands import train as train_command
from ros2_occpose.errors import ConfigError, DataError
from ros2_occpose.inference import load_session
from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.bvh import axis_rotations
from ros2_occpose.training.motion import Motion
from ros2_occpose.training.retarget import TYPICAL_OFFSETS, Z_UP_FROM_Y_UP

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from ros2_occpose.lifting.gated_network import GatedConfig  # noqa: E402
from ros2_occpose.training import gated, report  # noqa: E402
from ros2_occpose.training.gated import (  # noqa: E402
    CHECKPOINT,
    Trainer,
    TrainingConfig,
    load_checkpoint,
    network_of,
)
from ros2_occpose.training.losses import lifting_loss, std_factor  # noqa: E402

TINY = TrainingConfig(network=GatedConfig(channels=16), minutes=0, steps=6, batch=2, frames=48,
                      short=32, validate_every=3)


def walkers(_: Path, splits: tuple[str, ...]) -> list[Motion]:
    """Walking people instead of motion capture."""
    motions = []
    for k in range(3):
        phase = np.arange(100) / 5 + k
        rotations = np.tile(np.eye(3), (100, len(SMPL24.joints), 1, 1))
        rotations[:, 0] = Z_UP_FROM_Y_UP
        for side, sign in (('left', 1), ('right', -1)):
            rotations[:, SMPL24.index(f'{side}_hip')] = axis_rotations(
                sign * 0.4 * np.sin(phase), 0)
            rotations[:, SMPL24.index(f'{side}_shoulder')] = axis_rotations(
                np.full(100, -sign * 1.4), 2)
        root = np.linspace((0, 0, 0.95), (4, 3 + k, 0.95), 100)
        motions.append(Motion(name=f'walk/{k}', subject='', split=splits[0],
                              rotations=rotations.astype(np.float32),
                              root=root.astype(np.float32),
                              offsets=TYPICAL_OFFSETS.astype(np.float32)))
    return motions


@pytest.fixture(autouse=True)
def _toy_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gated, 'load_motions', walkers)
    monkeypatch.setattr(report, 'load_motions', walkers)
    monkeypatch.setattr(report, 'FRAMES', 64)


def run(config: TrainingConfig, output: Path) -> Trainer:
    trainer = Trainer(config, Path('toys'), output, workers=0)
    trainer.run()
    return trainer


def test_a_tiny_network_learns(tmp_path: Path) -> None:
    config = TrainingConfig(network=GatedConfig(channels=24), minutes=0, steps=30, batch=2,
                            frames=48, short=32, validate_every=10, learning_rate=3e-3)
    trainer = run(config, tmp_path)
    first, *_, last = [row for row in trainer.history if 'train_loss' in row]
    assert last['train_mpjpe_mm'] < 0.8 * first['train_mpjpe_mm']
    assert last['held_out_mpjpe_mm'] < 0.95 * first['held_out_mpjpe_mm']
    assert last['train_nll'] < first['train_nll']
    assert trainer.step == 30


def test_training_goes_on_where_it_stopped(tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    halfway = tmp_path / 'halfway'
    halfway.mkdir()
    honest = Trainer._save

    def save(self: Trainer, path: Path) -> None:
        honest(self, path)
        if self.step == 3 and path.name == CHECKPOINT:
            shutil.copy(path, halfway / CHECKPOINT)

    monkeypatch.setattr(Trainer, '_save', save)
    whole = run(TINY, tmp_path / 'whole')
    assert load_checkpoint(halfway / CHECKPOINT)['step'] == 3
    resumed = run(TINY, halfway)
    assert resumed.step == whole.step == 6
    for a, b in zip(whole.network.state_dict().values(), resumed.network.state_dict().values()):
        torch.testing.assert_close(a, b)


def test_a_run_of_another_network_is_not_continued(tmp_path: Path) -> None:
    run(TINY, tmp_path)
    other = TrainingConfig(network=GatedConfig(channels=8), minutes=0, steps=6, batch=2, frames=48)
    with pytest.raises(ConfigError, match='choose another --output'):
        Trainer(other, Path('toys'), tmp_path, workers=0)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'noise.pt').write_bytes(b'nothing to see')
    torch.save({'a': 1}, tmp_path / 'other.pt')
    for name in ('noise.pt', 'other.pt', 'missing.pt'):
        with pytest.raises(DataError, match='Expected a checkpoint'):
            load_checkpoint(tmp_path / name)


def test_a_checkpoint_of_another_normalisation_is_refused(tmp_path: Path) -> None:
    run(TINY, tmp_path)
    state = load_checkpoint(tmp_path / CHECKPOINT)
    network_of(state)
    with pytest.raises(DataError, match='got view-0; train again'):
        network_of({**state, 'normalisation': 'view-0'})


def arguments(**changes: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    words = ['gated_causal', '--data', 'toys', '--output', 'out', '--workers', '0',
             '--minutes', '0', '--steps', '3', '--channels', '16', '--batch', '1']
    return argparse.Namespace(**{**vars(parser.parse_args(words)), **changes})


def test_the_command_trains_exports_and_reports(tmp_path: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    train_command.run(arguments(output=tmp_path))
    printed = capsys.readouterr().out
    assert all(f'| {name} |' in printed for name in ('clean', 'random25', 'random50', 'blackout'))
    session = load_session(tmp_path / 'gated_causal.onnx')
    assert session.metadata['seed'] == '0'
    assert session.metadata['licence'] == 'Apache-2.0'
    card = (tmp_path / 'gated_causal.md').read_text()
    assert '--steps 3 --channels 16' in card
    assert 'NSF EIA-0196217' in card
    assert (tmp_path / 'loss.png').stat().st_size > 1000
    before = load_checkpoint(tmp_path / CHECKPOINT)['step']
    train_command.run(arguments(output=tmp_path))                      # finished: reports again
    assert load_checkpoint(tmp_path / CHECKPOINT)['step'] == before
    assert capsys.readouterr().out == printed


def test_the_command_needs_a_budget_and_data(tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match='give one of them'):
        train_command.run(arguments(output=tmp_path, steps=0))
    monkeypatch.undo()
    with pytest.raises(DataError, match=r'Expected a folder of motion capture, got .*nowhere'):
        train_command.run(arguments(output=tmp_path, data=tmp_path / 'nowhere'))


def test_the_export_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(TINY, tmp_path)
    target = tmp_path / 'small.onnx'
    checkpoint = tmp_path / CHECKPOINT
    export_command.run(argparse.Namespace(checkpoint=checkpoint, output=target))
    assert 'agrees with torch' in capsys.readouterr().out
    assert load_session(target).metadata['channels'] == '16'
    with pytest.raises(ConfigError, match=r'ends in \.onnx'):
        export_command.run(argparse.Namespace(checkpoint=checkpoint, output=tmp_path / 'x.bin'))


def test_the_likelihood_is_best_at_the_true_spread() -> None:
    torch.manual_seed(0)
    target = torch.zeros(20, 30, 17, 3)
    predicted = 0.05 * torch.randn(20, 30, 17, 3)
    counts = torch.ones(20, 30)

    def nll(std: float) -> float:
        log_std = torch.full((20, 30, 17), float(np.log(std)))
        return lifting_loss(predicted, log_std, target, counts)[1]['nll']

    assert nll(0.05) < min(nll(0.04), nll(0.065))
    log_std = torch.full((20, 30, 17), float(np.log(0.025)))
    assert std_factor(predicted, log_std, target, counts) == pytest.approx(2.0, rel=0.03)


def test_frames_that_do_not_count_teach_nothing() -> None:
    predicted = torch.zeros(1, 4, 17, 3, requires_grad=True)
    log_std = torch.zeros(1, 4, 17, requires_grad=True)
    target = torch.ones(1, 4, 17, 3)
    counts = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    loss, _ = lifting_loss(predicted, log_std, target, counts, velocity=0.0)
    loss.backward()
    assert predicted.grad is not None
    assert log_std.grad is not None
    assert predicted.grad[0, :2].abs().sum() > 0
    assert predicted.grad[0, 2:].abs().sum() == 0
    assert log_std.grad[0, 2:].abs().sum() == 0
