"""How large a network is and how much it computes, counted in its ONNX file."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..types import Floats

_MULTIPLY = ('MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum')


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one run of a network."""

    parameters: int        # numbers in the file that are not whole ones
    multiply_adds: int     # of products of matrices and convolutions, for one sequence
    frames: int            # ... of so many frames


def cost_of(path: Path, features: Floats) -> Cost:
    """Count a network that takes sequences.

    Sums, activations and normalisations are left out, as they usually are; what works only on
    the weights, whatever the input, counts.

    Args:
        path: The ONNX file.
        features: One sequence, (1, T, FEATURES).

    Raises:
        ModelError: The file cannot be read or run, or multiplies in a way that is not known here.
    """
    import onnx
    from onnxruntime import InferenceSession, SessionOptions

    try:
        model = onnx.load(str(path))
        graph = model.graph
        nodes = [node for node in graph.node if node.op_type in _MULTIPLY]
        known = {tensor.name: onnx.numpy_helper.to_array(tensor).shape
                 for tensor in graph.initializer}
        wanted = {name for node in nodes for name in (*node.input, *node.output)
                  if name and name not in known}
        inputs = {value.name for value in graph.input}
        outputs = {value.name for value in graph.output}
        for name in sorted(wanted - inputs - outputs):
            graph.output.append(onnx.ValueInfoProto(name=name))
        options = SessionOptions()
        options.log_severity_level = 3
        session = InferenceSession(model.SerializeToString(), options,
                                   providers=['CPUExecutionProvider'])
        names = [output.name for output in session.get_outputs()]
        values = session.run(names, {'features': features.astype(np.float32)})
        known |= {'features': features.shape, **{n: v.shape for n, v in zip(names, values)}}
        total = sum(_products(node, known, onnx) for node in nodes)
    except ModelError:
        raise
    except Exception as error:          # whatever protobuf and onnxruntime raise
        raise ModelError(f'Cannot count what {path} computes ({error}); export it again with '
                         '`occpose export`.') from error
    kinds = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}
    parameters = sum(int(np.prod(tensor.dims)) for tensor in graph.initializer
                     if tensor.data_type in kinds)
    return Cost(parameters=parameters, multiply_adds=total, frames=features.shape[1])


def _products(node: Any, known: Mapping[str, tuple[int, ...]], onnx: Any) -> int:
    """Multiply-adds of one node."""
    first, second = known[node.input[0]], known[node.input[1]]
    out = int(np.prod(known[node.output[0]]))
    if node.op_type == 'MatMul':
        return out * first[-1]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == 'Gemm':
        return out * first[0 if attributes.get('transA') else 1]
    if node.op_type == 'Conv':                   # weights (out, in / groups, ...)
        return out * int(np.prod(second[1:]))
    if node.op_type == 'ConvTranspose':          # weights (in, out / groups, ...)
        return int(np.prod(first)) * int(np.prod(second[1:]))
    return _einsum(attributes['equation'].decode(), [known[name] for name in node.input])


def _einsum(equation: str, shapes: list[tuple[int, ...]]) -> int:
    """Multiply-adds of two factors: the product of all lengths.

    Raises:
        ModelError: More factors.
    """
    terms = equation.replace(' ', '').partition('->')[0].split(',')
    if len(terms) > 2:
        raise ModelError(f'Expected products of two arrays, got {equation}; count them apart.')
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes):
        before, dots, after = term.partition('...')
        many = len(shape) - len(before) - len(after)
        letters = [*before, *([f'.{many - k}' for k in range(many)] if dots else ()), *after]
        for letter, length in zip(letters, shape):
            lengths[letter] = max(lengths.get(letter, 1), length)
    return int(np.prod(list(lengths.values()))) if len(terms) > 1 else 0
