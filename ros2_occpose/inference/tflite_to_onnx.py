"""TensorFlow Lite to ONNX, for convolutional networks in float16 or float32.

Images inside the ONNX graph are (B, C, height, width), as its runtimes like them; inputs and
outputs keep TFLite's (B, height, width, C), so that both files take and give the same arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..errors import ModelError
from .tflite_file import Array, Graph, Op

_OPSET, _IR_VERSION = 17, 8
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
_AXIS_IN_NCHW = {0: 0, 1: 2, 2: 3, 3: 1}
_ACTIVATIONS: dict[int, tuple[float, float] | None] = {
    0: None,
    1: (0.0, np.inf),
    2: (-1.0, 1.0),
    3: (0.0, 6.0),
}


def convert(
    graph: Graph,
    *,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    dynamic_batch: bool = True,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """The ONNX file for a TFLite graph; the same input gives the same bytes.

    Args:
        graph: What `tflite_file.read_graph` found in the file.
        inputs: TFLite name -> ONNX name; those not named keep theirs.
        outputs: TFLite name -> ONNX name of the outputs to keep; layers that only lead to others
            are left out. None: all, under their own names.
        dynamic_batch: Leave the first dimension open, so that many images run at once.
        metadata: Kept in the file's `metadata_props`.

    Raises:
        ModelError: The graph holds an operation that is not known here, or no such output.
    """
    kept = {graph.names[i]: i for i in graph.outputs}
    for name in outputs or ():
        if name not in kept:
            raise ModelError(f'The network has no output {name!r}; it has {", ".join(kept)}.')
    new_names = outputs if outputs is not None else {name: name for name in kept}
    wanted = {kept[name]: new for name, new in new_names.items()}
    writer = _Writer(graph)
    for i in graph.inputs:
        writer.add_input(i, (inputs or {}).get(graph.names[i], graph.names[i]))
    for op in _needed(graph, set(wanted)):
        writer.add(op)
    for i, name in wanted.items():
        writer.add_output(i, name)
    return writer.finish(dynamic_batch, metadata or {})


def _needed(graph: Graph, wanted: set[int]) -> list[Op]:
    """The operations that the wanted tensors depend on."""
    found, ops = set(wanted), []
    for op in reversed(graph.ops):
        if found & set(op.outputs):
            found |= set(op.inputs)
            ops.append(op)
    return ops[::-1]


class _Writer:
    """Collects ONNX nodes; tensor number i of TFLite becomes the value `t<i>`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._names: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        # PAD and RESIZE_BILINEAR wait here for what follows: a convolution may take them over.
        self._pads: dict[int, tuple[int, tuple[int, ...]]] = {}  # source, pads
        self._resizes: dict[int, Op] = {}
        self._inputs: list[tuple[int, str]] = []
        self._outputs: list[tuple[int, str]] = []

    def add_input(self, i: int, name: str) -> None:
        self._inputs.append((i, name))
        self._write_renamed(name, f't{i}', i, _TO_NCHW)

    def add_output(self, i: int, name: str) -> None:
        self._outputs.append((i, name))
        self._write_renamed(self._value(i), name, i, _TO_NHWC)

    def _write_renamed(self, source: str, target: str, i: int, perm: tuple[int, ...]) -> None:
        if len(self._graph.shapes[i]) == 4:
            self._node('Transpose', [source], target, perm=perm)
        else:
            self._node('Identity', [source], target)

    def add(self, op: Op) -> None:
        """Write one operation.

        Raises:
            ModelError: It is not known here.
        """
        match op.kind:
            case 'CONV_2D' | 'DEPTHWISE_CONV_2D':
                self._conv(op)
            case 'MAX_POOL_2D' | 'AVERAGE_POOL_2D':
                self._pool(op)
            case 'PAD':
                self._pad(op)
            case 'ADD' | 'MUL':
                self._finish_op(
                    op, op.kind.title(), [self._operand(i, op.outputs[0]) for i in op.inputs]
                )
            case 'CONCATENATION':
                self._concat(op)
            case 'RESIZE_BILINEAR':
                self._resize(op)
            case 'DEPTH_TO_SPACE':
                self._finish_op(
                    op,
                    'DepthToSpace',
                    [self._value(op.inputs[0])],
                    blocksize=op.options['BlockSize'],
                    mode='DCR',
                )
            case 'RESHAPE':
                self._reshape(op)
            case 'PRELU':
                self._finish_op(op, 'PRelu', [self._operand(i, op.outputs[0]) for i in op.inputs])
            case 'LOGISTIC':
                self._finish_op(op, 'Sigmoid', [self._value(op.inputs[0])])
            case 'RELU':
                self._finish_op(op, 'Relu', [self._value(op.inputs[0])])
            case 'RELU6':
                low, high = self._initializer(np.float32(0)), self._initializer(np.float32(6))
                self._finish_op(op, 'Clip', [self._value(op.inputs[0]), low, high])
            case kind:
                raise ModelError(f'TFLite operation {kind} is not supported by the converter.')

    def finish(self, dynamic_batch: bool, metadata: Mapping[str, str]) -> bytes:
        """The ONNX file.

        Raises:
            ModelError: What was written is not valid ONNX.
        """
        graph = helper.make_graph(
            self._nodes,
            'network',
            [self._info(i, name, dynamic_batch) for i, name in self._inputs],
            [self._info(i, name, dynamic_batch) for i, name in self._outputs],
            self._initializers,
        )
        model = helper.make_model(
            graph,
            producer_name='ros2_occpose',
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid('', _OPSET)],
        )
        helper.set_model_props(model, dict(sorted(metadata.items())))
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ModelError(f'The conversion gave an invalid network: {error}') from error
        return bytes(model.SerializeToString(deterministic=True))

    def _info(self, i: int, name: str, dynamic_batch: bool) -> onnx.ValueInfoProto:
        shape: list[int | str] = list(self._graph.shapes[i])
        if dynamic_batch:
            shape[0] = 'batch'
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    # --- operations

    def _conv(self, op: Op) -> None:
        weights = self._constant(op.inputs[1])  # (O, kh, kw, I / groups) or (1, kh, kw, O)
        if op.kind == 'DEPTHWISE_CONV_2D':
            weights = weights.transpose(3, 0, 1, 2)
        else:
            weights = weights.transpose(0, 3, 1, 2)
        source, padded = self._pads.get(op.inputs[0], (op.inputs[0], (0, 0, 0, 0)))
        kernel, options = weights.shape[2:], op.options
        strides = (options['StrideH'], options['StrideW'])
        dilations = (options['DilationHFactor'], options['DilationWFactor'])
        same = self._same_pads(op, kernel, strides, dilations)
        pads = [a + b for a, b in zip(padded, same, strict=True)]
        constants = [self._initializer(weights)]
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            constants.append(self._initializer(self._constant(op.inputs[2])))
        attributes = {
            'group': self._graph.shapes[source][3] // weights.shape[1],
            'kernel_shape': kernel,
            'strides': strides,
            'dilations': dilations,
            'pads': pads,
        }
        resize = self._resizes.get(source)
        if resize is not None and kernel == strides == (1, 1) and not any(pads):
            # Interpolation and a 1x1 convolution commute: the convolution gets the smaller image.
            small = self._node(
                'Conv',
                [self._value(resize.inputs[0]), *constants],
                f't{op.outputs[0]}_small',
                **attributes,
            )
            self._write_resize(resize, small, op)
        else:
            self._finish_op(op, 'Conv', [self._value(source), *constants], **attributes)

    def _pool(self, op: Op) -> None:
        options = op.options
        kernel = (options['FilterHeight'], options['FilterWidth'])
        strides = (options['StrideH'], options['StrideW'])
        pads = self._same_pads(op, kernel, strides, (1, 1))
        kind = 'MaxPool' if op.kind == 'MAX_POOL_2D' else 'AveragePool'
        self._finish_op(
            op, kind, [self._value(op.inputs[0])], kernel_shape=kernel, strides=strides, pads=pads
        )

    def _same_pads(
        self, op: Op, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
    ) -> tuple[int, ...]:
        """(top, left, bottom, right) of TFLite's padding; an odd pixel is at the bottom right."""
        if op.options['Padding'] != 0:  # 0 is SAME, 1 is VALID
            return 0, 0, 0, 0
        totals = []
        sizes = self._graph.shapes[op.inputs[0]][1:3]
        for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
            steps = -(-size // stride)
            totals.append(max((steps - 1) * stride + (k - 1) * dilation + 1 - size, 0))
        top, left = (total // 2 for total in totals)
        return top, left, totals[0] - top, totals[1] - left

    def _pad(self, op: Op) -> None:
        """Keep it for the convolution that follows; `_value` writes it for anything else."""
        before, after = self._constant(op.inputs[1]).T.tolist()
        if len(before) == 4 and not (before[0] or after[0] or before[3] or after[3]):
            self._pads[op.outputs[0]] = (op.inputs[0], (before[1], before[2], after[1], after[2]))
            return
        if len(before) == 4:
            before, after = ([side[i] for i in _TO_NCHW] for side in (before, after))
        pads = self._initializer(np.array([*before, *after], np.int64))
        self._finish_op(op, 'Pad', [self._value(op.inputs[0]), pads])

    def _concat(self, op: Op) -> None:
        rank = len(self._graph.shapes[op.outputs[0]])
        axis = op.options['Axis'] % rank
        self._finish_op(
            op,
            'Concat',
            [self._operand(i, op.outputs[0]) for i in op.inputs],
            axis=_AXIS_IN_NCHW[axis] if rank == 4 else axis,
        )

    def _resize(self, op: Op) -> None:
        """Keep it for the convolution that follows; `_value` writes it for anything else."""
        before, after = (self._graph.shapes[i] for i in (op.inputs[0], op.outputs[0]))
        if after[1] >= before[1] and after[2] >= before[2]:
            self._resizes[op.outputs[0]] = op
        else:
            self._write_resize(op, self._value(op.inputs[0]), op)

    def _write_resize(self, resize: Op, source: str, op: Op) -> None:
        """Write `resize` on `source` as the last step of `op`."""
        before, after = (self._graph.shapes[i][1:3] for i in (resize.inputs[0], resize.outputs[0]))
        mode = 'half_pixel' if resize.options['HalfPixelCenters'] else 'asymmetric'
        if resize.options['AlignCorners']:
            mode = 'align_corners'
        factors = np.divide(after, before, dtype=np.float32)
        if np.any(factors * before < after):  # ONNX rounds the new size down
            factors = np.nextafter(factors, np.float32(np.inf))
        scales = self._initializer(np.array([1, 1, *factors], np.float32))
        self._finish_op(
            op, 'Resize', [source, '', scales], mode='linear', coordinate_transformation_mode=mode
        )

    def _reshape(self, op: Op) -> None:
        before, after = (self._graph.shapes[i] for i in (op.inputs[0], op.outputs[0]))
        if before[0] != after[0]:
            raise ModelError(
                f'RESHAPE from {before} to {after} mixes the images of a batch, '
                'which is not supported.'
            )
        source, target = self._value(op.inputs[0]), f't{op.outputs[0]}'
        if len(before) == 4 and before[1:3] != (1, 1):
            source = self._node('Transpose', [source], f'{target}_source', perm=_TO_NHWC)
        shape = self._initializer(np.array([0, *after[1:]], np.int64))  # 0: as in the input
        reshaped = self._node(
            'Reshape', [source, shape], f'{target}_nhwc' if len(after) == 4 else target
        )
        if len(after) == 4:
            self._node('Transpose', [reshaped], target, perm=_TO_NCHW)

    # --- values

    def _finish_op(
        self,
        op: Op,
        kind: str,
        inputs: list[str],
        **attributes: Any,
    ) -> None:
        """Write a node and the activation that is fused into the operation."""
        target, code = f't{op.outputs[0]}', op.options.get('FusedActivationFunction', 0)
        if code not in _ACTIVATIONS:
            raise ModelError(
                f'Fused activation number {code} of {op.kind} is not supported by the converter.'
            )
        bounds = _ACTIVATIONS[code]
        if bounds is None:
            self._node(kind, inputs, target, **attributes)
            return
        raw = self._node(kind, inputs, f'{target}_raw', **attributes)
        if bounds == (0.0, np.inf):
            self._node('Relu', [raw], target)
        else:
            self._node('Clip', [raw, *(self._initializer(np.float32(b)) for b in bounds)], target)

    def _node(
        self,
        kind: str,
        inputs: list[str],
        output: str,
        **attributes: Any,
    ) -> str:
        self._nodes.append(
            helper.make_node(kind, inputs, [output], f'{kind}_{len(self._nodes)}', **attributes)
        )
        return output

    def _value(self, i: int) -> str:
        """Name of a tensor that is not constant."""
        name = f't{i}'
        if i in self._pads:
            source, (top, left, bottom, right) = self._pads.pop(i)
            pads = self._initializer(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
            self._node('Pad', [self._value(source), pads], name)
        elif i in self._resizes:
            resize = self._resizes.pop(i)
            self._write_resize(resize, self._value(resize.inputs[0]), resize)
        return name

    def _operand(self, i: int, output: int) -> str:
        """Name of an operand that may be constant and smaller than the output."""
        if i not in self._graph.constants:
            return self._value(i)
        array, rank = self._graph.constants[i], len(self._graph.shapes[output])
        if rank == 4 and array.size > 1:
            array = array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(_TO_NCHW)
        return self._initializer(array)

    def _constant(self, i: int) -> Array:
        if i not in self._graph.constants:
            raise ModelError(
                f'Expected a constant, got the computed tensor {self._graph.names[i]!r}; '
                'the converter needs static weights.'
            )
        return self._graph.constants[i]

    def _initializer(self, array: Array | np.floating[Any]) -> str:
        """Name of a constant; equal constants share one."""
        values = np.asarray(array, order='C')
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._names:
            self._names[key] = f'c{len(self._names)}'
            self._initializers.append(numpy_helper.from_array(values, self._names[key]))
        return self._names[key]
