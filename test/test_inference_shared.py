"""Pipelines in one process share networks, and one network serves one caller at a time."""
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from scene import PERFECT, crowd, driving

from ros2_occpose.config import PipelineConfig, override
from ros2_occpose.errors import ModelError
from ros2_occpose.inference import Models
from ros2_occpose.pipeline import Pipeline


class Network:
    """Notices callers that come at the same time."""

    backend, metadata, inputs = 'test', {'a': 'b'}, {'x': (1,)}

    def __init__(self) -> None:
        self.inside = self.most = 0

    def __call__(self, arrays: dict) -> dict:
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.01)
        self.inside -= 1
        return arrays


def test_each_network_is_opened_once_for_each_device_and_number_of_threads() -> None:
    opened = []

    def opener(name: str, **options: object) -> Network:
        opened.append((name, *options.values()))
        return Network()

    models = Models(opener)
    first = models.on('cpu', 2)('lifter')
    assert models.on('cpu', 2)('lifter') is first
    models.on('cpu', 1)('lifter')
    models.on('cuda', 2)('lifter')
    models.on('cpu', 2)('detector')
    assert opened == [('lifter', 'cpu', 2), ('lifter', 'cpu', 1), ('lifter', 'cuda', 2),
                      ('detector', 'cpu', 2)]
    assert (first.backend, first.metadata, first.inputs) == ('test', {'a': 'b'}, {'x': (1,)})


def test_callers_take_turns() -> None:
    network = Network()
    session = Models(lambda name, **options: network).on('cpu', 1)('any')
    callers = [threading.Thread(target=session, args=({},)) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert network.most == 1


def test_two_pipelines_with_shared_networks_do_not_disturb_each_other() -> None:
    scenes = [crowd(n, seconds=2.0, camera_path=driving(), fps=5, noise=PERFECT, seed=n)
              for n in (2, 3)]
    config = override(PipelineConfig(), {'device': 'cpu', 'threads': 1, 'detection.flow': False})

    def frames(scene: object) -> list:
        return [replace(m.frame, detections=m.detections) for m in scene]

    try:
        alone = [list(map(Pipeline(config), frames(scene))) for scene in scenes]
    except ModelError as error:
        pytest.skip(f'needs the models: {error}')
    models = Models()
    pipelines = [Pipeline(config, models) for _ in scenes]
    for t in range(10):
        for pipeline, scene, known in zip(pipelines, scenes, alone, strict=True):
            people = pipeline(frames(scene)[t])
            np.testing.assert_array_equal(people.joints, known[t].joints)
            np.testing.assert_array_equal(people.tracks.ids, known[t].tracks.ids)
