"""Tiny ONNX networks with the outputs of real detectors, and a cache that declares them."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

CROP = (96, 128)                    # px, width and height
JOINTS = 17


def constant(size: tuple[int, int], outputs: Mapping[str, np.ndarray]) -> bytes:
    """Says the same of every image (1, 3, H, W) of `size` (width, height)."""
    nodes = [helper.make_node('Constant', [], [name], value=numpy_helper.from_array(
        array if array.dtype == np.int64 else array.astype(np.float32)))
        for name, array in outputs.items()]
    infos = [helper.make_tensor_value_info(
        name, TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT, array.shape)
        for name, array in outputs.items()]
    return _model(helper.make_graph(nodes, 'constant', [_image(1, size, 'input')], infos))


def colour_maps(batch: int | str = 'N', cell: int = 4, joints: int = JOINTS) -> bytes:
    """How much of its colour (red, green, blue in turn) each cell has: maps (N, J, h, w)."""
    nodes, weights = _coloured(joints)
    nodes.append(helper.make_node('AveragePool', ['coloured'], ['heatmaps'],
                                  kernel_shape=[cell, cell], strides=[cell, cell]))
    shape = [batch, joints, CROP[1] // cell, CROP[0] // cell]
    out = helper.make_tensor_value_info('heatmaps', TensorProto.FLOAT, shape)
    return _model(helper.make_graph(nodes, 'maps', [_image(batch, CROP, 'image')], [out],
                                    [weights]))


def colour_bins() -> bytes:
    """The same in columns and rows: simcc_x (N, J, 2 W) and simcc_y (N, J, 2 H)."""
    nodes, weights = _coloured(JOINTS)
    infos = []
    for name, axis, length in (('simcc_x', 2, CROP[0]), ('simcc_y', 3, CROP[1])):
        nodes += [helper.make_node('ReduceMax', ['coloured'], [f'{name}_1'], axes=[axis],
                                   keepdims=0),
                  helper.make_node('Resize', [f'{name}_1', '', 'twice'], [name], mode='nearest',
                                   coordinate_transformation_mode='asymmetric',
                                   nearest_mode='floor')]
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT,
                                                   ['N', JOINTS, 2 * length]))
    twice = numpy_helper.from_array(np.array([1, 1, 2], np.float32), 'twice')
    return _model(helper.make_graph(nodes, 'bins', [_image('N', CROP, 'image')], infos,
                                    [weights, twice]))


def _coloured(joints: int) -> tuple[list[NodeProto], TensorProto]:
    weights = np.zeros((joints, 3, 1, 1), np.float32)
    weights[np.arange(joints), np.arange(joints) % 3] = 1
    return ([helper.make_node('Conv', ['image', 'weights'], ['coloured'])],
            numpy_helper.from_array(weights, 'weights'))


def _image(batch: int | str, size: tuple[int, int], name: str) -> TensorProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3, size[1], size[0]])


def _model(graph: GraphProto) -> bytes:
    model: ModelProto = helper.make_model(graph, ir_version=8,
                                          opset_imports=[helper.make_opsetid('', 17)])
    return bytes(model.SerializeToString())


def declare(cache: Path, entries: Mapping[str, dict], files: Mapping[str, bytes]) -> None:
    """A cache with files of somebody's own, and their entries."""
    cache.mkdir(parents=True, exist_ok=True)
    licensed = {name: {'licence': 'MIT', **entry} for name, entry in entries.items()}
    (cache / 'models.yaml').write_text(yaml.safe_dump(licensed, sort_keys=False))
    for name, content in files.items():
        (cache / name).write_bytes(content)
