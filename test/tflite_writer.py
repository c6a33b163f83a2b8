"""Writes tiny TFLite files, for tests of the reader."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite
from numpy.typing import DTypeLike

TYPES = {'float32': tflite.TensorType.FLOAT32, 'float16': tflite.TensorType.FLOAT16,
         'int32': tflite.TensorType.INT32, 'int8': tflite.TensorType.INT8}


@dataclass
class Tensor:
    """A tensor; `levels` (see `tflite_file.densify`) makes `data` the values of a sparse one."""

    name: str
    shape: tuple[int, ...]
    data: np.ndarray | None = None
    levels: list[tuple[list[int], list[int]] | None] | None = None


@dataclass
class Op:
    """An operation; `options` writes its table and returns (type, offset)."""

    code: int
    inputs: list[int]
    outputs: list[int]
    options: Callable[[flatbuffers.Builder], tuple[int, int]] | None = field(default=None)


def write(tensors: list[Tensor], ops: list[Op], inputs: list[int], outputs: list[int]) -> bytes:
    """A TFLite file with one graph; each operation gets an operator code of its own."""
    b = flatbuffers.Builder()
    empty = [b'']
    blobs = empty + [t.data.tobytes() for t in tensors if t.data is not None]
    numbers = iter(range(1, len(blobs)))
    tensor_offsets = [_tensor(b, t, 0 if t.data is None else next(numbers)) for t in tensors]
    op_offsets = [_op(b, i, op) for i, op in enumerate(ops)]
    buffer_offsets = [_table(b, tflite, 'Buffer', Data=b.CreateByteVector(blob) if blob else None)
                      for blob in blobs]
    code_offsets = [_table(b, tflite, 'OperatorCode', DeprecatedBuiltinCode=op.code,
                           BuiltinCode=op.code, Version=1) for op in ops]
    graph = _table(b, tflite, 'SubGraph', Tensors=_offsets(b, tensor_offsets),
                   Inputs=_ints(b, inputs), Outputs=_ints(b, outputs),
                   Operators=_offsets(b, op_offsets))
    model = _table(b, tflite, 'Model', Version=3, OperatorCodes=_offsets(b, code_offsets),
                   Subgraphs=_offsets(b, [graph]), Buffers=_offsets(b, buffer_offsets))
    b.Finish(model, b'TFL3')
    return bytes(b.Output())


def conv_options(b: flatbuffers.Builder) -> tuple[int, int]:
    """Stride 1, padding VALID, fused RELU6."""
    table = _table(b, tflite, 'Conv2DOptions', Padding=tflite.Padding.VALID, StrideH=1, StrideW=1,
                   DilationHFactor=1, DilationWFactor=1,
                   FusedActivationFunction=tflite.ActivationFunctionType.RELU6)
    return tflite.BuiltinOptions.Conv2DOptions, table


def small_file(dtype: DTypeLike = np.float16) -> tuple[bytes, np.ndarray, np.ndarray]:
    """One 1x1 convolution, its weights sparse and in `dtype`, its bias in float16."""
    weights = np.array([[0, 1.5, 0], [-2, 0, 0]], dtype).reshape(2, 1, 1, 3)
    codes = tflite.BuiltinOperator
    data = write(
        [Tensor('image', (1, 2, 2, 3)),
         Tensor('sparse', weights.shape, np.array([1.5, -2], dtype),
                [None, None, None, ([0, 1, 2], [1, 0])]),
         Tensor('half', weights.shape), Tensor('weights', weights.shape),
         Tensor('half_bias', (2,), np.array([0.25, 3], np.float16)),
         Tensor('bias', (2,)), Tensor('result', (1, 2, 2, 2))],
        [Op(codes.DENSIFY, [1], [2]), Op(codes.DEQUANTIZE, [2], [3]),
         Op(codes.DEQUANTIZE, [4], [5]),
         Op(codes.CONV_2D, [0, 3, 5], [6], conv_options)], [0], [6])
    return data, weights.astype(np.float32), np.array([0.25, 3], np.float32)


def _tensor(b: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    kind = 'float32' if tensor.data is None else tensor.data.dtype.name
    sparsity = None if tensor.levels is None else _sparsity(b, tensor.levels, tensor.shape)
    return _table(b, tflite, 'Tensor', Shape=_ints(b, tensor.shape), Type=TYPES[kind],
                  Buffer=buffer, Name=b.CreateString(tensor.name), Sparsity=sparsity)


def _sparsity(b: flatbuffers.Builder, levels: list, shape: tuple[int, ...]) -> int:
    dims = []
    for level, size in zip(levels, shape, strict=True):
        if level is None:
            dims.append(_table(b, tflite, 'DimensionMetadata', DenseSize=size,
                               Format=tflite.DimensionType.DENSE))
            continue
        segments = _table(b, tflite, 'Uint8Vector',
                          Values=b.CreateNumpyVector(np.array(level[0], np.uint8)))
        indices = _table(b, tflite, 'Int32Vector',
                         Values=b.CreateNumpyVector(np.array(level[1], np.int32)))
        dims.append(_table(
            b, tflite, 'DimensionMetadata', Format=tflite.DimensionType.SPARSE_CSR,
            ArraySegmentsType=tflite.SparseIndexVector.Uint8Vector, ArraySegments=segments,
            ArrayIndicesType=tflite.SparseIndexVector.Int32Vector, ArrayIndices=indices))
    return _table(b, tflite, 'SparsityParameters', TraversalOrder=_ints(b, range(len(shape))),
                  DimMetadata=_offsets(b, dims))


def _op(b: flatbuffers.Builder, code: int, op: Op) -> int:
    kind, options = op.options(b) if op.options is not None else (None, None)
    return _table(b, tflite, 'Operator', OpcodeIndex=code, Inputs=_ints(b, op.inputs),
                  Outputs=_ints(b, op.outputs), BuiltinOptionsType=kind, BuiltinOptions=options)


def _table(b: flatbuffers.Builder, module: object, name: str, **values: int | None) -> int:
    getattr(module, f'{name}Start')(b)
    for key, value in values.items():
        if value is not None:
            getattr(module, f'{name}Add{key}')(b, value)
    return getattr(module, f'{name}End')(b)


def _ints(b: flatbuffers.Builder, values: object) -> int:
    return b.CreateNumpyVector(np.array(list(values), np.int32))


def _offsets(b: flatbuffers.Builder, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()
