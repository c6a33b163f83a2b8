"""Reading a TensorFlow Lite file: its graph, and its constants as dense float32 arrays."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from ..errors import ModelError

Array = NDArray[Any]
Table = Any  # of the flatbuffer; the package has no types

# What the converter reads of an operation; the names are those of the TFLite schema.
OPTIONS: dict[str, tuple[str, ...]] = {
    'ADD': ('FusedActivationFunction',),
    'AVERAGE_POOL_2D': (
        'Padding',
        'StrideH',
        'StrideW',
        'FilterHeight',
        'FilterWidth',
        'FusedActivationFunction',
    ),
    'CONCATENATION': ('Axis', 'FusedActivationFunction'),
    'CONV_2D': (
        'Padding',
        'StrideH',
        'StrideW',
        'DilationHFactor',
        'DilationWFactor',
        'FusedActivationFunction',
    ),
    'DEPTHWISE_CONV_2D': (
        'Padding',
        'StrideH',
        'StrideW',
        'DilationHFactor',
        'DilationWFactor',
        'FusedActivationFunction',
    ),
    'DEPTH_TO_SPACE': ('BlockSize',),
    'MAX_POOL_2D': (
        'Padding',
        'StrideH',
        'StrideW',
        'FilterHeight',
        'FilterWidth',
        'FusedActivationFunction',
    ),
    'MUL': ('FusedActivationFunction',),
    'RESIZE_BILINEAR': ('AlignCorners', 'HalfPixelCenters'),
}
_TABLES = {
    'AVERAGE_POOL_2D': 'Pool2DOptions',
    'CONV_2D': 'Conv2DOptions',
    'MAX_POOL_2D': 'Pool2DOptions',
    'DEPTHWISE_CONV_2D': 'DepthwiseConv2DOptions',
}
_DTYPES = {'FLOAT32': '<f4', 'FLOAT16': '<f2', 'INT32': '<i4', 'INT64': '<i8'}
_TYPE_NAMES = {value: name for name, value in vars(tflite.TensorType).items() if name.isupper()}


@dataclass(frozen=True)
class Op:
    """One operation; inputs and outputs are tensor numbers, -1 for an input left out."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """A network as TFLite writes it: images are (B, height, width, channels)."""

    names: list[str]
    shapes: list[tuple[int, ...]]
    constants: dict[int, Array]  # tensor number -> values
    ops: list[Op]  # in order of execution
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_graph(data: bytes) -> Graph:
    """The only graph in a TFLite file, its float16 and sparse constants unfolded to float32.

    Raises:
        ModelError: The file is damaged, or holds something that this reader does not know.
    """
    if data[4:8] != b'TFL3':
        raise ModelError(f'Expected a TFLite file (magic TFL3), got {data[4:8]!r}.')
    try:
        model = tflite.Model.GetRootAsModel(data, 0)
        if model.SubgraphsLength() != 1:
            raise ModelError(
                f'Expected one graph in the TFLite file, got {model.SubgraphsLength()}.'
            )
        return _fold_constants(_parse(model))
    except (ValueError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise ModelError(f'The TFLite file is damaged: {error}') from error


def _parse(model: Table) -> Graph:
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
    shapes = [tuple(t.Shape(k) for k in range(t.ShapeLength())) for t in tensors]
    constants = {}
    for i, tensor in enumerate(tensors):
        if model.Buffers(tensor.Buffer()).DataLength():
            constants[i] = _constant(
                tensor, model.Buffers(tensor.Buffer()).DataAsNumpy(), shapes[i]
            )
    ops = [_op(model, graph.Operators(i)) for i in range(graph.OperatorsLength())]
    return Graph(
        names=[t.Name().decode() for t in tensors],
        shapes=shapes,
        constants=constants,
        ops=ops,
        inputs=tuple(graph.Inputs(i) for i in range(graph.InputsLength())),
        outputs=tuple(graph.Outputs(i) for i in range(graph.OutputsLength())),
    )


def _op(model: Table, op: Table) -> Op:
    code = model.OperatorCodes(op.OpcodeIndex())
    kind = tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
    options = {}
    if kind in OPTIONS and op.BuiltinOptions() is not None:
        default = f'{kind.title().replace("_", "")}Options'
        table = getattr(tflite, _TABLES.get(kind, default))()
        table.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)
        options = {name: getattr(table, name)() for name in OPTIONS[kind]}
    return Op(
        kind,
        tuple(op.Inputs(i) for i in range(op.InputsLength())),
        tuple(op.Outputs(i) for i in range(op.OutputsLength())),
        options,
    )


def _constant(tensor: Table, raw: Array, shape: tuple[int, ...]) -> Array:
    name, type_name = tensor.Name().decode(), _TYPE_NAMES.get(tensor.Type(), str(tensor.Type()))
    if type_name not in _DTYPES:
        raise ModelError(
            f'Constant {name} is {type_name}; expected one of {", ".join(_DTYPES)} '
            '(quantised networks are not supported).'
        )
    values = np.frombuffer(raw.tobytes(), _DTYPES[type_name])
    sparsity = tensor.Sparsity()
    if sparsity is None:
        return values.reshape(shape)
    if sparsity.BlockMapLength():
        raise ModelError(f'Constant {name} is block-sparse, which is not supported.')
    order = [sparsity.TraversalOrder(k) for k in range(len(shape))]
    dims = [sparsity.DimMetadata(k) for k in range(len(shape))]
    levels = [
        None
        if d.Format() == tflite.DimensionType.DENSE
        else (
            _vector(d.ArraySegments(), d.ArraySegmentsType()),
            _vector(d.ArrayIndices(), d.ArrayIndicesType()),
        )
        for d in dims
    ]
    return densify(values, shape, order, levels)


def _vector(table: Table, kind: int) -> Array:
    names = {
        tflite.SparseIndexVector.Int32Vector: 'Int32Vector',
        tflite.SparseIndexVector.Uint16Vector: 'Uint16Vector',
        tflite.SparseIndexVector.Uint8Vector: 'Uint8Vector',
    }
    vector = getattr(tflite, names[kind])()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)


def densify(
    values: Array,
    shape: tuple[int, ...],
    order: Sequence[int],
    levels: Sequence[tuple[Array, Array] | None],
) -> Array:
    """The dense array behind a sparse one.

    Args:
        values: What is stored, in the order in which the dimensions are walked.
        shape: Shape of the dense array.
        order: The dimensions in the order in which they are walked.
        levels: For each walked dimension None when it is dense, else (segments, indices): entry n
            of the level above holds the indices from segments[n] up to segments[n + 1].
    """
    at = np.zeros(1, np.int64)  # flat positions of the entries of the level above
    for dim, level in zip(order, levels, strict=True):
        size = shape[dim]
        if level is None:
            at = (at[:, None] * size + np.arange(size)).ravel()
        else:
            segments, indices = level
            at = np.repeat(at, np.diff(segments)) * size + indices
    walked = tuple(shape[dim] for dim in order)
    dense = np.zeros(int(np.prod(walked)), values.dtype)
    dense[at] = values[: len(at)]
    return dense.reshape(walked).transpose(np.argsort(order))


def _fold_constants(graph: Graph) -> Graph:
    constants, ops = dict(graph.constants), []
    for op in graph.ops:
        if op.kind not in ('DEQUANTIZE', 'DENSIFY'):
            ops.append(op)
            continue
        source = constants.get(op.inputs[0])
        if source is None:
            raise ModelError(
                f'{op.kind} of something that is not constant ({graph.names[op.inputs[0]]}) '
                'is not supported.'
            )
        constants[op.outputs[0]] = source.astype('<f4') if op.kind == 'DEQUANTIZE' else source
    return Graph(
        names=graph.names,
        shapes=graph.shapes,
        constants=constants,
        ops=ops,
        inputs=graph.inputs,
        outputs=graph.outputs,
    )
