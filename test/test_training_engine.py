"""Training of tiny networks on toy motion: they learn, go on where they stopped, and ship."""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_motion import walkers

from ros2_occpose.commands import export as export_command
from ros2_occpose.commands import train as train_command
from ros2_occpose.errors import ConfigError, DataError
from ros2_occpose.inference import load_session
from ros2_occpose.lifting import lift_sequences

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from ros2_occpose.training import publish as publish_module  # noqa: E402
from ros2_occpose.training import trainer as trainer_module  # noqa: E402
from ros2_occpose.training.corpus import GROUP, Corpus  # noqa: E402
from ros2_occpose.training.losses import lifting_loss, trajectory_loss  # noqa: E402
from ros2_occpose.training.processes import Processes  # noqa: E402
from ros2_occpose.training.systems import SYSTEMS, chomp_task, task_named  # noqa: E402
from ros2_occpose.training.trainer import (  # noqa: E402
    CHECKPOINT,
    Trainer,
    TrainingConfig,
    load_checkpoint,
    schedule,
)
from ros2_occpose.training.weights import network_of  # noqa: E402

TINY = TrainingConfig(steps=6, batch=2, frames=48, groups=2, validate_every=3, held_out=1)
ALONE = Processes(torch.device('cpu'))
TWO_RANKS = """
import sys
from pathlib import Path
sys.path.insert(0, 'test')
from toy_motion import walkers
from ros2_occpose.training import publish, trainer
from ros2_occpose.commands import train
trainer.load_motions = publish.load_motions = walkers
from test_training_engine import arguments
train.run(arguments(output=Path(sys.argv[1]), cache=Path(sys.argv[2])))
"""


@pytest.fixture(autouse=True)
def _toy_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_module, 'load_motions', walkers)
    monkeypatch.setattr(publish_module, 'load_motions', walkers)


@pytest.fixture(scope='module')
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('clips')


def run(config: TrainingConfig, output: Path, cache: Path, system: str = 'gated_causal',
        channels: int = 16) -> Trainer:
    task = (chomp_task(system, channels=channels, body='cylinder') if 'chomp' in system else
            task_named(system, channels=channels))
    trainer = Trainer(task, config, Path('toys'), output, cache, processes=ALONE, workers=0)
    trainer.run()
    return trainer


@pytest.mark.parametrize('system', SYSTEMS)
def test_every_system_learns(system: str, tmp_path: Path, cache: Path) -> None:
    config = replace(TINY, steps=40, batch=8, validate_every=10, learning_rate=4e-3)
    trainer = run(config, tmp_path, cache, system, channels=24)
    first, *_, last = trainer.history
    assert last['train_loss'] < 0.9 * first['train_loss']
    error = trainer.task.error
    assert last[f'held_out_{error}'] < 0.95 * first[f'held_out_{error}']
    assert trainer.step == 40


def test_training_goes_on_where_it_stopped(tmp_path: Path, cache: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(TINY, tmp_path / 'whole', cache)
    learn, done = Trainer._learn, []

    def cut_off(self: Trainer, *arguments: object) -> dict[str, float]:
        if len(done) == 4:
            raise KeyboardInterrupt          # one step after the checkpoint of step 3
        done.append(1)
        return learn(self, *arguments)       # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, '_learn', cut_off)
    with pytest.raises(KeyboardInterrupt):
        run(TINY, tmp_path / 'halves', cache)
    monkeypatch.setattr(Trainer, '_learn', learn)
    assert load_checkpoint(tmp_path / 'halves' / CHECKPOINT)['step'] == 3
    resumed = run(TINY, tmp_path / 'halves', cache)
    assert resumed.step == whole.step == 6
    for a, b in zip(whole.network.state_dict().values(), resumed.network.state_dict().values()):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(('channels', 'changes', 'what'), [
    (8, {}, 'network'), (16, {'seed': 1}, 'config'), (16, {'steps': 7}, 'config')])
def test_another_run_is_not_continued(tmp_path: Path, cache: Path, channels: int,
                                      changes: dict[str, int], what: str) -> None:
    run(TINY, tmp_path, cache)
    with pytest.raises(ConfigError, match=f'a run of another {what}: .*choose another --output'):
        run(replace(TINY, **changes), tmp_path, cache, channels=channels)


def test_a_run_of_another_noise_is_not_continued(tmp_path: Path, cache: Path) -> None:
    run(TINY, tmp_path, cache)
    rendered = task_named('gated_causal', channels=16, noise='rendered')
    with pytest.raises(ConfigError, match=r'a run of another source: .*choose another --output'):
        Trainer(rendered, TINY, Path('toys'), tmp_path, cache, processes=ALONE, workers=0)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    del state['source']                  # as runs were written before there was a choice
    torch.save(state, tmp_path / CHECKPOINT)
    assert run(TINY, tmp_path, cache).step == TINY.steps
    with pytest.raises(ConfigError, match='a run of another source'):
        Trainer(rendered, TINY, Path('toys'), tmp_path, cache, processes=ALONE, workers=0)


def test_the_noise_of_the_clips_can_be_chosen(tmp_path: Path) -> None:
    real, rendered = (Corpus(walkers(), tmp_path, seed=5, frames=20, source=task_named(
        'gated', channels=8, noise=noise).source).group(1) for noise in ('real', 'rendered'))
    np.testing.assert_array_equal(real.joints_camera, rendered.joints_camera)
    assert len(list(tmp_path.glob('*/00001.npz'))) == 2
    true = real.joints_camera[:, :, 11:, :2] / real.joints_camera[:, :, 11:, 2:]   # h36m17: arms
    arms = [5, 7, 9, 6, 8, 10]                                                    # of coco17
    errors = [np.median(np.linalg.norm(clips.rays[:, :, arms] - true, axis=-1)
                        / np.linalg.norm(true[:, :, :1] - true[:, :, 3:4], axis=-1))
              for clips in (real, rendered)]
    assert errors[1] > 1.15 * errors[0]
    with pytest.raises(ConfigError, match="Unknown noise 'none'; expected real or rendered"):
        task_named('gated', channels=8, noise='none')
    with pytest.raises(ConfigError, match='learns from the noise of real video only'):
        task_named('occlusion_aware', channels=8, noise='rendered')


def test_clips_are_drawn_once_and_the_same_for_all(tmp_path: Path) -> None:
    corpus = Corpus(walkers(), tmp_path, seed=5, frames=20)
    drawn = corpus.group(1)
    (path,) = tmp_path.glob('*/00001.npz')
    before = path.stat().st_mtime_ns
    again = Corpus(walkers(), tmp_path, seed=5, frames=20).group(1)
    assert path.stat().st_mtime_ns == before
    np.testing.assert_array_equal(again.rays, drawn.rays)
    assert drawn.seen.shape == (GROUP, 20, 17)
    assert (drawn.detected | ~drawn.seen).all()
    assert drawn.seen.mean() < drawn.detected.mean()
    others = Corpus(walkers(people=2), tmp_path, seed=5, frames=20).group(1)
    assert np.abs(others.joints_camera - drawn.joints_camera).max() > 0.1


def test_no_room_for_clips_is_said(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='choose another folder with --cache'):
        Corpus(walkers(), tmp_path / 'file', seed=0, frames=10).group(0)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'noise.pt').write_bytes(b'nothing to see')
    torch.save({'a': 1}, tmp_path / 'other.pt')
    for name in ('noise.pt', 'other.pt', 'missing.pt'):
        with pytest.raises(DataError, match='Expected a checkpoint'):
            load_checkpoint(tmp_path / name)


def test_a_checkpoint_of_another_normalisation_is_refused(tmp_path: Path, cache: Path) -> None:
    run(TINY, tmp_path, cache)
    state = load_checkpoint(tmp_path / CHECKPOINT)
    network_of(state)
    with pytest.raises(DataError, match='got view-0; train again'):
        network_of({**state, 'normalisation': 'view-0'})


def arguments(*, system: str = 'gated_causal', **changes: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    words = [system, '--data', 'toys', '--output', 'out', '--workers', '0', '--steps', '3',
             '--channels', '16', '--batch', '2', '--groups', '1']
    return argparse.Namespace(**{**vars(parser.parse_args(words)), **changes})


@pytest.mark.parametrize('system', ['gated_causal', 'gated', 'occlusion_aware_causal',
                                    'chomp', 'chomp_causal', 'learned_trajectory'])
def test_the_command_trains_calibrates_and_exports(system: str, tmp_path: Path, cache: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    body = {'body': 'cylinder'} if 'chomp' in system else {}
    typed = arguments(system=system, output=tmp_path, cache=cache, channels=12, **body)
    train_command.run(typed)
    assert f'{system}.onnx' in capsys.readouterr().out
    session = load_session(tmp_path / f'{system}.onnx')
    assert session.metadata['seed'] == '0'
    assert session.metadata['licence'] == 'Apache-2.0'
    card = (tmp_path / f'{system}.md').read_text()
    assert '--steps 3' in card
    assert '--channels 12' in card
    assert 'NSF EIA-0196217' in card
    assert (tmp_path / 'curves.png').stat().st_size > 1000
    if system != 'learned_trajectory':
        rays = np.random.default_rng(0).normal(0, 0.2, (2, 30, 17, 2))
        joints, std, *_ = lift_sequences(session, rays, np.ones((2, 30, 17), bool))
        assert np.isfinite(joints).all()
        assert (std > 0).all()
        assert session.metadata['calibration'] != '1.0000,1.0000'
    before = load_checkpoint(tmp_path / CHECKPOINT)['step']
    train_command.run(typed)                                        # finished
    assert load_checkpoint(tmp_path / CHECKPOINT)['step'] == before
    assert (tmp_path / f'{system}.md').read_text() == card


def test_two_processes_train_one_network(tmp_path: Path, cache: Path) -> None:
    script = tmp_path / 'both.py'
    script.write_text(TWO_RANKS)
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2',
         str(script), str(tmp_path / 'out'), str(cache)],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': os.pathsep.join(
            [str(Path(__file__).parents[1]), os.environ.get('PYTHONPATH', '')])})
    assert done.returncode == 0, done.stderr[-2000:]
    state = load_checkpoint(tmp_path / 'out' / CHECKPOINT)
    assert state['step'] == 3
    alone = run(replace(TINY, steps=3, batch=4, frames=243, groups=1, validate_every=500,
                        held_out=2), tmp_path / 'alone', cache)
    own = alone.network.state_dict()['heads.joints.bias']
    torch.testing.assert_close(state['weights']['heads.joints.bias'], own, atol=3e-3, rtol=0)


def test_the_command_needs_a_budget_and_data(tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match='of at least 1, got 0'):
        train_command.run(arguments(output=tmp_path, steps=0))
    monkeypatch.undo()
    with pytest.raises(DataError, match=r'Expected a folder of motion capture, got .*nowhere'):
        train_command.run(arguments(output=tmp_path, data=tmp_path / 'nowhere'))


@pytest.mark.parametrize(('system', 'option'), [
    ('chomp', {'without': 'adversary'}), ('chomp_prior', {'noise': 'rendered'}),
    ('gated', {'prior': Path('best.pt')}), ('occlusion_aware', {'body': 'cylinder'})])
def test_options_of_other_systems_are_refused(tmp_path: Path, system: str,
                                              option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f'Expected no --{next(iter(option))} with {system}'):
        train_command.run(arguments(system=system, output=tmp_path, channels=12, **option))


def test_the_names_of_the_command_are_those_of_the_systems() -> None:
    assert train_command.SYSTEMS == SYSTEMS
    with pytest.raises(ConfigError, match='Unknown system'):
        task_named('gatd', channels=8)


def test_a_gpu_that_is_not_there_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip('torch sees a GPU here')
    with pytest.raises(ConfigError, match='choose --device cpu'):
        Processes.join('cuda')


def test_the_export_command(tmp_path: Path, cache: Path,
                            capsys: pytest.CaptureFixture[str]) -> None:
    run(TINY, tmp_path, cache)
    target = tmp_path / 'small.onnx'
    checkpoint = tmp_path / CHECKPOINT
    export_command.run(argparse.Namespace(checkpoint=checkpoint, output=target))
    assert 'agrees with torch' in capsys.readouterr().out
    assert load_session(target).metadata['channels'] == '16'
    with pytest.raises(ConfigError, match=r'ends in \.onnx'):
        export_command.run(argparse.Namespace(checkpoint=checkpoint, output=tmp_path / 'x.bin'))


def test_the_schedule_warms_up_and_comes_down() -> None:
    rates = [schedule(step, 1000) for step in range(1000)]
    assert rates[0] < 0.02
    assert max(rates) == pytest.approx(1.0, abs=0.03)
    assert np.argmax(rates) < 120
    assert rates[-1] == pytest.approx(0.01, abs=0.001)


def test_the_likelihood_is_best_at_the_true_spread() -> None:
    torch.manual_seed(0)
    target = torch.zeros(20, 30, 17, 3)
    predicted = 0.05 * torch.randn(20, 30, 17, 3)
    counts = torch.ones(20, 30)

    def nll(std: float) -> float:
        log_std = torch.full((20, 30, 17), float(np.log(std)))
        return lifting_loss(predicted, log_std, target, counts)[1]['nll']

    assert nll(0.05) < min(nll(0.04), nll(0.065))


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


def test_roots_far_away_weigh_less() -> None:
    target = torch.tensor([[[0.0, 0, 2], [0, 0, 8], [0, 0, 4]]])
    predicted = target + torch.tensor([0.1, 0, 0])
    counts = torch.tensor([[1.0, 1, 0]])
    loss, parts = trajectory_loss(predicted, target, counts)
    assert loss.item() == pytest.approx(0.5 * (0.1 / 2 + 0.1 / 8), rel=1e-3)
    assert parts['root_mm'] == pytest.approx(100, rel=1e-3)
