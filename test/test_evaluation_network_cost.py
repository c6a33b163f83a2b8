"""What a network computes, counted in graphs small enough to count by hand."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.evaluation.network_cost import cost_of

onnx = pytest.importorskip('onnx', reason='needs onnx: pip install ros2_occpose[convert]')
pytest.importorskip('onnxruntime', reason='needs onnxruntime: pip install ros2_occpose[onnx]')

FRAMES, WIDTH = 8, 6


@pytest.mark.parametrize(('kind', 'weights', 'attributes', 'products'), [
    ('MatMul', (WIDTH, 5), {}, FRAMES * WIDTH * 5),
    ('Conv', (4, FRAMES, 3), {}, 4 * (WIDTH - 2) * FRAMES * 3),
    ('Conv', (4, FRAMES // 2, 3), {'group': 2}, 4 * (WIDTH - 2) * (FRAMES // 2) * 3),
    ('ConvTranspose', (FRAMES, 5, 3), {'strides': [2]}, FRAMES * WIDTH * 5 * 3),
    ('ConvTranspose', (FRAMES, 5, 2), {'group': 4}, FRAMES * WIDTH * 5 * 2),
    ('Add', (WIDTH,), {}, 0),
])
def test_one_product(tmp_path: Path, kind: str, weights: tuple[int, ...],
                     attributes: dict[str, object], products: int) -> None:
    values = np.ones(weights, np.float32)
    number = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(kind, ['features', 'w'], ['joints'], **attributes)], 'one',
        [onnx.helper.make_tensor_value_info('features', number, (1, FRAMES, WIDTH))],
        [onnx.helper.make_tensor_value_info('joints', number, None)],
        [onnx.numpy_helper.from_array(values, 'w')])
    path = tmp_path / 'one.onnx'
    onnx.save(onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid('', 17)], ir_version=8), path)
    cost = cost_of(path, np.zeros((1, FRAMES, WIDTH)))
    assert (cost.parameters, cost.multiply_adds, cost.frames) == (values.size, products, FRAMES)
