"""`occpose benchmark-speed`: images with the wanted number of people, honest figures."""
from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import pytest
from scene import make_scene
from truth import people_of
from walker import Walker

from ros2_occpose import cli
from ros2_occpose.commands import benchmark_speed
from ros2_occpose.errors import InputError, ModelError
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.recording.mosaic import CELL_PX, GREY, LEAST_FRAMES, SIZE, Cutouts, mosaic
from ros2_occpose.types import Image


def plain(shade: int, frames: int = LEAST_FRAMES) -> list[Image]:
    return [np.full((CELL_PX, CELL_PX, 3), shade, np.uint8)] * frames


@pytest.mark.parametrize(('count', 'columns', 'rows', 'side'),
                         [(1, 1, 1, 480), (4, 2, 2, 240), (12, 4, 3, 160)])
def test_everybody_has_a_cell(count: int, columns: int, rows: int, side: int) -> None:
    sequences = [plain(20 * i + 1) for i in range(count)]
    frames = list(mosaic(sequences, 3))
    assert [f.camera.size for f in frames] == [SIZE] * 3
    left = (SIZE[0] - columns * side) // 2
    image = frames[1].image
    for i in range(count):
        x, y = left + (i % columns) * side, (i // columns) * side
        assert (image[y:y + side, x:x + side] == 20 * i + 1).all()
    assert (image[:, :left] == GREY).all()


def test_sequences_go_to_and_fro_without_a_jump() -> None:
    images = [np.full((CELL_PX, CELL_PX, 3), 10 * i, np.uint8) for i in range(5)]
    shades = [int(frame.image[240, 320, 0]) // 10 for frame in mosaic([images], 12)]
    assert shades == [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3]


def test_people_are_cut_out_where_they_are() -> None:
    people = [Walker([(0, 5, y), (4, 6, 1.2 * y)]) for y in (-1.2, 1.2)]
    scene = make_scene(people, fps=10)
    cutouts = Cutouts()
    for moment in scene:
        image = moment.frame.image
        image[:] = 60
        for x, y in moment.keypoints_px[moment.visible].round().astype(int):
            image[max(y - 3, 0):y + 4, max(x - 3, 0):x + 4] = 250
        cutouts.add(moment.frame, people_of(moment))
    sequences = cutouts.best(4)
    assert len(sequences) == 4
    assert len(sequences[0]) >= len(sequences[1])
    for images in sequences:
        rows, columns = np.nonzero((images[0] > 240).all(-1))
        assert 0.4 * CELL_PX < np.ptp(rows) < 0.8 * CELL_PX
        assert abs(columns.mean() - CELL_PX / 2) < 0.15 * CELL_PX


def test_a_recording_of_nobody_is_refused() -> None:
    with pytest.raises(InputError, match='followed for at least 15 frames, got none'):
        Cutouts(people={1: plain(0, LEAST_FRAMES - 1)}).best(1)


def test_an_output_in_no_folder_is_refused_at_once(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(['benchmark-speed', 'x.mp4', '--output', '/no/such/folder/f.json']) == 2
    assert 'its folder does not exist' in capsys.readouterr().err


def test_figures_of_real_video(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                               capsys: pytest.CaptureFixture) -> None:
    try:
        Pipeline()
    except ModelError as error:
        pytest.skip(f'needs the default models: {error}')
    monkeypatch.setattr(benchmark_speed, 'WARM_FRAMES', 40)
    output = tmp_path / 'speed.json'
    assert cli.main(['benchmark-speed', str(shared_data / 'video' / 'pedestrians.avi'),
                     '--output', str(output), '--seconds', '6', '--frames', '10']) == 0
    report = json.loads(output.read_text())
    assert [r['people'] for r in report['results']] == [1, 4, 12]
    tracked = [r['people_tracked_mean'] for r in report['results']]
    assert 0.5 <= tracked[0] <= 2
    assert 2.5 <= tracked[1] <= 5.5
    assert 7 <= tracked[2] <= 13
    for result in report['results']:
        stages = result['stage_ms']
        assert list(stages) == ['detection', 'tracking', 'visibility', 'lifting', 'trajectory']
        assert all(0 <= s['p50'] <= s['p95'] for s in stages.values())
        assert sum(s['p50'] for s in stages.values()) <= 1.2 * result['total_ms']['p95']
    assert report['machine']['cores'] >= 1
    assert 'onnxruntime' in report['versions']
    assert platform.node() not in json.dumps(report)
    printed = capsys.readouterr().out
    assert 'budget' in printed
    assert printed.count('over') + printed.count('within') == 3
