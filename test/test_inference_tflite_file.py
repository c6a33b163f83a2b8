"""The TFLite converter: whole graphs, and what stands in the file."""
from __future__ import annotations

import itertools

import numpy as np
import onnxruntime as ort
import pytest
from tflite_graphs import CONV, RELU6, Builder, conv, nodes, random, run
from tflite_writer import small_file

from ros2_occpose.errors import ModelError
from ros2_occpose.inference.tflite_file import Array, Graph, densify, read_graph
from ros2_occpose.inference.tflite_to_onnx import convert


def two_heads() -> tuple[Graph, str, str]:
    b = Builder()
    source = b.input(1, 4, 4, 2)
    trunk = b.op('CONV_2D', [source, b.constant(random(3, 3, 3, 2))], (1, 2, 2, 3), **CONV)
    left = b.op('LOGISTIC', [trunk], (1, 2, 2, 3))
    right = b.op('RELU', [trunk], (1, 2, 2, 3))
    return b.graph(left, right), b.names[left], b.names[right]


def test_outputs_that_are_not_named_are_cut_off() -> None:
    graph, left, _ = two_heads()
    model = convert(graph, inputs={'input0': 'image'}, outputs={left: 'mask'})
    assert 'Relu' not in nodes(model)
    assert 'Sigmoid' in nodes(model)
    session = ort.InferenceSession(model, providers=['CPUExecutionProvider'])
    assert [i.name for i in session.get_inputs()] == ['image']
    assert [o.name for o in session.get_outputs()] == ['mask']


def test_many_images_run_as_one_by_one() -> None:
    graph, _, _ = two_heads()
    model, x = convert(graph), random(3, 4, 4, 2)
    together = run(model, x)
    for k in range(3):
        for whole, single in zip(together, run(model, x[k:k + 1]), strict=True):
            np.testing.assert_allclose(whole[k:k + 1], single, atol=1e-6)


def test_the_batch_can_be_fixed() -> None:
    graph, _, _ = two_heads()
    session = ort.InferenceSession(convert(graph, dynamic_batch=False),
                                   providers=['CPUExecutionProvider'])
    assert session.get_inputs()[0].shape == [1, 4, 4, 2]


def test_the_same_input_gives_the_same_bytes() -> None:
    first, second = (convert(two_heads()[0], metadata={'b': '1', 'a': '2'}) for _ in range(2))
    assert first == second
    assert convert(two_heads()[0], metadata={'a': '2', 'b': '1'}) == first


def test_errors_name_what_is_not_supported() -> None:
    b = Builder()
    source = b.input(1, 4, 4, 2)
    other = b.graph(b.op('SVDF', [source], (1, 4, 4, 2)))
    with pytest.raises(ModelError, match='operation SVDF is not supported'):
        convert(other)
    with pytest.raises(ModelError, match=r'no output .masks.; it has tensor1'):
        convert(other, outputs={'masks': 'masks'})
    b.ops.clear()
    strange = b.graph(b.op('ADD', [source, source], (1, 4, 4, 2), FusedActivationFunction=5))
    with pytest.raises(ModelError, match='activation number 5 of ADD is not supported'):
        convert(strange)
    b.ops.clear()
    with pytest.raises(ModelError, match='mixes the images of a batch'):
        convert(b.graph(b.op('RESHAPE', [source], (4, 8))))
    b.ops.clear()
    with pytest.raises(ModelError, match='needs static weights'):
        convert(b.graph(b.op('CONV_2D', [source, source], (1, 4, 4, 2), **CONV)))


# --- the file


def sparse(dense: Array, order: tuple[int, ...],
           is_dense: tuple[bool, ...]) -> tuple[Array, list[tuple[Array, Array] | None]]:
    """(values, levels): what TFLite stores, made by walking the array entry by entry."""
    walked = dense.transpose(order)
    levels, prefixes = [], [()]
    for depth, keep_all in enumerate(is_dense):
        segments, indices, found = [0], [], []
        for prefix in prefixes:
            for i in range(walked.shape[depth]):
                if keep_all or np.any(walked[(*prefix, i)]):
                    indices.append(i)
                    found.append((*prefix, i))
            segments.append(len(indices))
        levels.append(None if keep_all else (np.array(segments), np.array(indices, int)))
        prefixes = found
    return np.array([walked[p] for p in prefixes], dense.dtype), levels


@pytest.mark.parametrize('order', [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize('is_dense', list(itertools.product([True, False], repeat=3)))
def test_densify(order: tuple[int, ...], is_dense: tuple[bool, ...]) -> None:
    rng = np.random.default_rng(0)
    dense = (random(4, 3, 5) * (rng.random((4, 3, 5)) < 0.3)).astype(np.float16)
    dense[2] = 0
    values, levels = sparse(dense, order, is_dense)
    np.testing.assert_array_equal(densify(values, dense.shape, order, levels), dense)


def test_a_file_with_sparse_half_weights() -> None:
    data, weights, bias = small_file()
    graph = read_graph(data)
    assert [op.kind for op in graph.ops] == ['CONV_2D']
    assert graph.ops[0].options['FusedActivationFunction'] == RELU6
    model, x = convert(graph, inputs={'image': 'input0'}), random(1, 2, 2, 3)
    np.testing.assert_allclose(run(model, x)[0], np.clip(conv(x, weights, bias), 0, 6), atol=1e-6)


def test_damaged_and_quantised_files_are_refused() -> None:
    data, _, _ = small_file()
    with pytest.raises(ModelError, match=r"Expected a TFLite file \(magic TFL3\), got b'rub'"):
        read_graph(b'\0\0\0\0rub')
    with pytest.raises(ModelError, match='The TFLite file is damaged'):
        read_graph(data[:len(data) // 2])
    with pytest.raises(ModelError, match=r'sparse is INT8; .*quantised networks are not'):
        read_graph(small_file(np.int8)[0])
