"""Tiny TFLite graphs and NumPy references of their operations, all (B, H, W, C)."""
from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort

from ros2_occpose.inference.tflite_file import Array, Graph, Op

Shape = tuple[int, ...]
SAME, VALID = 0, 1
NONE, RELU6 = 0, 3
CONV = {'Padding': VALID, 'StrideH': 1, 'StrideW': 1, 'DilationHFactor': 1, 'DilationWFactor': 1,
        'FusedActivationFunction': NONE}


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Builder:
    """Collects a graph; tensors are numbers."""

    def __init__(self) -> None:
        self.names, self.shapes, self.constants, self.ops = [], [], {}, []
        self.inputs = []

    def tensor(self, shape: Shape, name: str = '') -> int:
        self.names.append(name or f'tensor{len(self.names)}')
        self.shapes.append(tuple(shape))
        return len(self.names) - 1

    def input(self, *shape: int) -> int:
        self.inputs.append(self.tensor(shape, f'input{len(self.inputs)}'))
        return self.inputs[-1]

    def constant(self, array: Array) -> int:
        i = self.tensor(array.shape)
        self.constants[i] = array
        return i

    def op(self, kind: str, inputs: list[int], shape: Shape, **options: object) -> int:
        output = self.tensor(shape)
        self.ops.append(Op(kind, tuple(inputs), (output,), options))
        return output

    def graph(self, *outputs: int) -> Graph:
        return Graph(names=self.names, shapes=self.shapes, constants=self.constants, ops=self.ops,
                     inputs=tuple(self.inputs), outputs=outputs)


def run(model: bytes, *arrays: Array) -> list[Array]:
    session = ort.InferenceSession(model, providers=['CPUExecutionProvider'])
    feed = {f'input{i}': array for i, array in enumerate(arrays)}
    return session.run(None, feed)


def nodes(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def same_pads(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def patches(x: Array, kernel: tuple[int, int], stride: int, padding: int, dilation: int = 1,
            fill: float = 0.0) -> Array:
    """(B, H', W', kh, kw, C)."""
    kh, kw = kernel
    if padding == SAME:
        x = np.pad(x, [(0, 0), same_pads(x.shape[1], kh, stride, dilation),
                       same_pads(x.shape[2], kw, stride, dilation), (0, 0)], constant_values=fill)
    h = (x.shape[1] - (kh - 1) * dilation - 1) // stride + 1
    w = (x.shape[2] - (kw - 1) * dilation - 1) // stride + 1
    rows = [[x[:, i * dilation:i * dilation + (h - 1) * stride + 1:stride,
               j * dilation:j * dilation + (w - 1) * stride + 1:stride] for j in range(kw)]
            for i in range(kh)]
    return np.stack([np.stack(row, 3) for row in rows], 3)


def conv(x: Array, weights: Array, bias: Array | float = 0.0, stride: int = 1,
         padding: int = VALID, dilation: int = 1) -> Array:
    found = patches(x, weights.shape[1:3], stride, padding, dilation)
    return np.einsum('bhwijc,oijc->bhwo', found, weights) + bias


def depthwise(x: Array, weights: Array, bias: Array | float = 0.0, stride: int = 1,
              padding: int = VALID) -> Array:
    found = patches(x, weights.shape[1:3], stride, padding)
    multiplier = weights.shape[3] // x.shape[3]
    return np.einsum('bhwijc,ijc->bhwc', np.repeat(found, multiplier, -1), weights[0]) + bias


def interpolate(x: Array, axis: int, size: int, mode: str) -> Array:
    old = x.shape[axis]
    at = np.arange(size, dtype=float)
    if mode == 'half_pixel':
        at = (at + 0.5) * old / size - 0.5
    else:
        at = at * ((old - 1) / (size - 1) if mode == 'align_corners' else old / size)
    at = np.clip(at, 0, old - 1)
    low = np.floor(at).astype(int)
    share = (at - low).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    high = np.minimum(low + 1, old - 1)
    return np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share


def resize(x: Array, size: tuple[int, int], mode: str) -> Array:
    return interpolate(interpolate(x, 1, size[0], mode), 2, size[1], mode)
