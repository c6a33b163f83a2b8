"""The gated network as ONNX graphs, batch norm folded: one frame at a time, or a clip at once."""
from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from ..errors import ModelError
from ..lifting.gated_network import LEAST_LOG_STD, GatedConvolution, GatedNetwork
from ..lifting.normalise import FEATURES
from ..skeleton import COCO17, H36M17
from ..types import Floats

Shapes = dict[str, tuple[int | str, ...]]

_IN, _OUT, _ROOT = len(COCO17.joints), len(H36M17.joints), H36M17.index('hip')


class Graph:
    """Nodes and weights of an ONNX graph in the making; a node has the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, name: str, array: Floats) -> str:
        """A constant."""
        dtype = np.int64 if array.dtype.kind == 'i' else np.float32
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype), name))
        return name

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node."""
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def linear(self, op: str, x: str, weight: Floats, bias: Floats, output: str,
               **attributes: Any) -> str:
        """A Gemm or Conv with its weights."""
        names = [self.weight(f'{output}_w', weight), self.weight(f'{output}_b', bias)]
        return self.add(op, [x, *names], output, **attributes)

    def gate(self, feature: str, gate: str, name: str) -> tuple[str, str]:
        """X^l and M^l of the convolved features and masks, eq. 2."""
        mask = self.add('Sigmoid', [gate], f'{name}_m')
        active = self.add('Relu', [feature], f'{name}_r')
        return self.add('Mul', [active, mask], f'{name}_x'), mask

    def finish(self, head: str, shape: list[int], std_factor: float) -> None:
        """From the last matrix product (..., 4 J) to `joints` and `std`."""
        sizes = self.weight('sizes', np.array([3 * _OUT, _OUT]))
        self.nodes.append(helper.make_node('Split', [head, sizes], ['flat', 'log_std'], axis=-1))
        self.add('Reshape', ['flat', self.weight('shape', np.array(shape))], 'joints')
        bounds = [self.weight(name, np.array(value))
                  for name, value in (('least', LEAST_LOG_STD), ('most', 1.0))]
        self.add('Exp', [self.add('Clip', ['log_std', *bounds], 'clipped')], 'spread')
        self.add('Mul', ['spread', self.weight('std_factor', np.array(std_factor))], 'std')

    def model(self, inputs: Shapes, outputs: Shapes, metadata: dict[str, str]) -> Any:
        """The checked model."""
        def info(shapes: Shapes) -> list[Any]:
            return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                    for name, shape in shapes.items()]
        graph = helper.make_graph(self.nodes, 'gated', info(inputs), info(outputs), self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)],
                                  ir_version=9, producer_name='ros2_occpose')
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model


def step_graph(network: GatedNetwork, std_factor: float, metadata: dict[str, str]) -> Any:
    """One frame of N people; `past_*` hold what the layer's taps saw before, oldest first."""
    config, graph = network.config, Graph()
    inputs: Shapes = {'features': ('batch', FEATURES), 'seen': ('batch', _IN)}
    outputs: Shapes = {'joints': ('batch', _OUT, 3), 'std': ('batch', _OUT)}
    x, mask = 'features', 'seen'
    for i, (wide, deep) in enumerate(layers(network)):
        widths = (FEATURES, _IN) if i == 0 else (config.channels, config.channels)
        taps = []
        for kind, now, width in zip(('features', 'masks'), (x, mask), widths):
            past = f'past_{kind}_{i}'
            inputs[past] = ('batch', (config.kernel - 1) * width)
            taps.append(graph.add('Concat', [past, now], f'taps_{kind}_{i}', axis=1))
            if i > 0:
                outputs[graph.add('Identity', [now], f'now_{kind}_{i}')] = ('batch', width)
        y, mask = _gemm_layer(graph, wide, taps[0], taps[1], f'wide_{i}')
        if deep is not None:
            y, mask = _gemm_layer(graph, deep, y, mask, f'deep_{i}')
            y = graph.add('Add', [x, y], f'sum_{i}')
        x = y
    x = graph.add('Concat', [x, 'features'], 'last', axis=1)
    graph.finish(graph.linear('Gemm', x, *heads(network), 'head', transB=1),
                 [-1, _OUT, 3], std_factor)
    return graph.model(inputs, outputs, metadata)


def clip_graph(network: GatedNetwork, std_factor: float, metadata: dict[str, str]) -> Any:
    """All frames of N people at once."""
    graph = Graph()
    now = x = graph.add('Transpose', ['features'], 'columns', perm=[0, 2, 1])
    mask = graph.add('Transpose', ['seen'], 'mask_columns', perm=[0, 2, 1])
    for i, (wide, deep) in enumerate(layers(network)):
        y, mask = _conv_layer(graph, wide, x, mask, f'wide_{i}')
        if deep is not None:
            y, mask = _conv_layer(graph, deep, y, mask, f'deep_{i}')
            y = graph.add('Add', [x, y], f'sum_{i}')
        x = y
    x = graph.add('Concat', [x, now], 'last', axis=1)
    weight, bias = heads(network)
    head = graph.linear('Conv', x, weight[..., None], bias, 'head')
    graph.finish(graph.add('Transpose', [head], 'rows', perm=[0, 2, 1]),
                 [0, 0, _OUT, 3], std_factor)
    inputs: Shapes = {'features': ('batch', 'frames', FEATURES), 'seen': ('batch', 'frames', _IN)}
    outputs: Shapes = {'joints': ('batch', 'frames', _OUT, 3), 'std': ('batch', 'frames', _OUT)}
    return graph.model(inputs, outputs, metadata)


def layers(network: GatedNetwork) -> list[tuple[GatedConvolution, GatedConvolution | None]]:
    """The first layer, then the two layers of each skip block."""
    pairs = [(w, d) for w, d in zip(network.wide, network.deep)
             if isinstance(w, GatedConvolution) and isinstance(d, GatedConvolution)]
    return [(network.first, None), *pairs]


def heads(network: GatedNetwork) -> tuple[Floats, Floats]:
    """All heads as one matrix (4 J, C + FEATURES) and bias: joints around the hip, then log std.

    It is applied to the last layer and the features of the frame, one after the other.
    """
    joints = np.concatenate([_numpy(network.joints.weight), _numpy(network.direct.weight)], 1)
    joints = joints.reshape(_OUT, 3, -1)
    offset = _numpy(network.joints.bias).reshape(_OUT, 3)
    joints, offset = joints - joints[_ROOT], offset - offset[_ROOT]
    std = np.pad(_numpy(network.log_std.weight)[..., 0], ((0, 0), (0, FEATURES)))
    weight = np.concatenate([joints.reshape(3 * _OUT, -1), std])
    return weight, np.concatenate([offset.ravel(), _numpy(network.log_std.bias)])


def _gemm_layer(graph: Graph, layer: GatedConvolution, x: str, mask: str,
                name: str) -> tuple[str, str]:
    weight, bias = _folded(layer)
    y = graph.linear('Gemm', x, _tap_by_tap(weight), bias, f'{name}_y', transB=1)
    gate = graph.linear('Gemm', mask, _tap_by_tap(_numpy(layer.gate.weight)),
                        _numpy(layer.gate.bias), f'{name}_g', transB=1)
    return graph.gate(y, gate, name)


def _conv_layer(graph: Graph, layer: GatedConvolution, x: str, mask: str,
                name: str) -> tuple[str, str]:
    weight, bias = _folded(layer)
    how = {'dilations': list(layer.feature.dilation), 'pads': list(layer.padding)}
    y = graph.linear('Conv', x, weight, bias, f'{name}_y', **how)
    gate = graph.linear('Conv', mask, _numpy(layer.gate.weight), _numpy(layer.gate.bias),
                        f'{name}_g', **how)
    return graph.gate(y, gate, name)


def _tap_by_tap(weight: Floats) -> Floats:
    """(C, C_in, K) as (C, K * C_in)."""
    return np.moveaxis(weight, 2, 1).reshape(len(weight), -1)


def _folded(layer: GatedConvolution) -> tuple[Floats, Floats]:
    """Weights (C, C_in, K) and bias (C,) of the features with batch norm folded in."""
    norm = layer.norm
    if norm.running_var is None or norm.running_mean is None:
        raise ModelError('Expected batch norm with running statistics, got none; train again.')
    scale = _numpy(norm.weight) / np.sqrt(_numpy(norm.running_var) + norm.eps)
    bias = _numpy(norm.bias) - _numpy(norm.running_mean) * scale
    return _numpy(layer.feature.weight) * scale[:, None, None], bias


def _numpy(tensor: torch.Tensor | None) -> Floats:
    return np.zeros(0) if tensor is None else tensor.detach().double().numpy()
