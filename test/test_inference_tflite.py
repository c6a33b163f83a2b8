"""The TFLite converter: every operation against a NumPy reference, on tiny graphs."""
from __future__ import annotations

import numpy as np
import pytest
from tflite_graphs import (
    CONV,
    NONE,
    RELU6,
    SAME,
    VALID,
    Builder,
    conv,
    depthwise,
    nodes,
    patches,
    random,
    resize,
    run,
)

from ros2_occpose.inference.tflite_to_onnx import convert


@pytest.mark.parametrize(('padding', 'stride', 'dilation'),
                         [(SAME, 1, 1), (SAME, 2, 1), (VALID, 2, 1), (SAME, 1, 2), (VALID, 1, 2)])
def test_convolution(padding: int, stride: int, dilation: int) -> None:
    x, weights, bias = random(1, 7, 10, 3), random(4, 3, 2, 3, seed=1), random(4, seed=2)
    wanted = conv(x, weights, bias, stride, padding, dilation)
    b = Builder()
    out = b.op('CONV_2D', [b.input(*x.shape), b.constant(weights), b.constant(bias)], wanted.shape,
               **{**CONV, 'Padding': padding, 'StrideH': stride, 'StrideW': stride,
                  'DilationHFactor': dilation, 'DilationWFactor': dilation})
    np.testing.assert_allclose(run(convert(b.graph(out)), x)[0], wanted, atol=1e-5)


def test_convolution_in_groups() -> None:
    x, weights = random(1, 5, 5, 4), random(6, 3, 3, 2, seed=1)
    wanted = np.concatenate([conv(x[..., :2], weights[:3]), conv(x[..., 2:], weights[3:])], -1)
    b = Builder()
    out = b.op('CONV_2D', [b.input(*x.shape), b.constant(weights), -1], wanted.shape, **CONV)
    np.testing.assert_allclose(run(convert(b.graph(out)), x)[0], wanted, atol=1e-5)


@pytest.mark.parametrize('multiplier', [1, 2])
@pytest.mark.parametrize('stride', [1, 2])
def test_depthwise_convolution(multiplier: int, stride: int) -> None:
    x, weights = random(1, 6, 7, 3), random(1, 3, 5, 3 * multiplier, seed=1)
    wanted = depthwise(x, weights, 0.5, stride, SAME)
    bias = np.full(3 * multiplier, 0.5, np.float32)
    b = Builder()
    out = b.op('DEPTHWISE_CONV_2D', [b.input(*x.shape), b.constant(weights), b.constant(bias)],
               wanted.shape, **{**CONV, 'Padding': SAME, 'StrideH': stride, 'StrideW': stride})
    np.testing.assert_allclose(run(convert(b.graph(out)), x)[0], wanted, atol=1e-5)


@pytest.mark.parametrize(('code', 'low', 'high'), [(0, -np.inf, np.inf), (1, 0, np.inf),
                                                   (2, -1, 1), (3, 0, 6)])
def test_fused_activation(code: int, low: float, high: float) -> None:
    x = 5 * random(1, 4, 4, 2)
    b = Builder()
    source = b.input(*x.shape)
    out = b.op('ADD', [source, source], x.shape, FusedActivationFunction=code)
    np.testing.assert_allclose(run(convert(b.graph(out)), x)[0], np.clip(2 * x, low, high))


def test_padding_is_folded_into_the_convolution() -> None:
    x, weights = random(1, 5, 6, 2), random(3, 3, 3, 2, seed=1)
    wanted = conv(np.pad(x, [(0, 0), (1, 2), (0, 3), (0, 0)]), weights)
    b = Builder()
    pads = b.constant(np.array([[0, 0], [1, 2], [0, 3], [0, 0]], np.int32))
    padded = b.op('PAD', [b.input(*x.shape), pads], (1, 8, 9, 2))
    out = b.op('CONV_2D', [padded, b.constant(weights)], wanted.shape, **CONV)
    model = convert(b.graph(out))
    assert 'Pad' not in nodes(model)
    np.testing.assert_allclose(run(model, x)[0], wanted, atol=1e-5)


def test_padding_used_by_a_convolution_and_by_something_else() -> None:
    x, weights = random(1, 4, 4, 2), random(2, 3, 3, 2, seed=1)
    b = Builder()
    pads = b.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    padded = b.op('PAD', [b.input(*x.shape), pads], (1, 6, 6, 2))
    first = b.op('CONV_2D', [padded, b.constant(weights)], (1, 4, 4, 2), **CONV)
    doubled = b.op('ADD', [padded, padded], (1, 6, 6, 2), FusedActivationFunction=NONE)
    second = b.op('CONV_2D', [padded, b.constant(-weights)], (1, 4, 4, 2), **CONV)
    results = run(convert(b.graph(first, doubled, second)), x)
    padded_x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    for result, wanted in zip(results, [conv(padded_x, weights), 2 * padded_x,
                                        conv(padded_x, -weights)], strict=True):
        np.testing.assert_allclose(result, wanted, atol=1e-5)


@pytest.mark.parametrize('widths', [[(0, 0), (0, 0), (0, 0), (0, 5)], [(0, 0), (1, 2)]])
def test_padding_of_channels_and_of_other_ranks(widths: list[tuple[int, int]]) -> None:
    x = random(*[1, 3, 4, 2][:len(widths)])
    wanted = np.pad(x, widths)
    b = Builder()
    out = b.op('PAD', [b.input(*x.shape), b.constant(np.array(widths, np.int32))], wanted.shape)
    np.testing.assert_array_equal(run(convert(b.graph(out)), x)[0], wanted)


@pytest.mark.parametrize('mode', ['half_pixel', 'align_corners', 'asymmetric'])
@pytest.mark.parametrize('size', [(8, 6), (10, 7), (2, 2)])
def test_resize(mode: str, size: tuple[int, int]) -> None:
    x = random(1, 4, 3, 2)
    wanted = resize(x, size, mode)
    b = Builder()
    out = b.op('RESIZE_BILINEAR', [b.input(*x.shape), b.constant(np.array(size, np.int32))],
               wanted.shape, AlignCorners=mode == 'align_corners',
               HalfPixelCenters=mode == 'half_pixel')
    np.testing.assert_allclose(run(convert(b.graph(out)), x)[0], wanted, atol=1e-5)


@pytest.mark.parametrize('other_use', [False, True])
def test_a_small_convolution_goes_before_an_enlargement(other_use: bool) -> None:
    x, weights, bias = random(1, 3, 4, 5), random(2, 1, 1, 5, seed=1), random(2, seed=2)
    large = resize(x, (6, 8), 'half_pixel')
    b = Builder()
    resized = b.op('RESIZE_BILINEAR', [b.input(*x.shape), b.constant(np.array([6, 8], np.int32))],
                   large.shape, AlignCorners=False, HalfPixelCenters=True)
    out = b.op('CONV_2D', [resized, b.constant(weights), b.constant(bias)], (1, 6, 8, 2),
               **{**CONV, 'FusedActivationFunction': RELU6})
    model = convert(b.graph(out, resized) if other_use else b.graph(out))
    results = run(model, x)
    np.testing.assert_allclose(results[0], np.clip(conv(large, weights, bias), 0, 6), atol=1e-5)
    assert nodes(model).index('Conv') < nodes(model).index('Resize')
    if other_use:
        np.testing.assert_allclose(results[1], large, atol=1e-5)


def test_a_padded_convolution_stays_after_the_enlargement() -> None:
    x, weights = random(1, 2, 2, 3), random(2, 1, 1, 3, seed=1)
    bias = np.ones(2, np.float32)
    large = np.pad(resize(x, (4, 4), 'half_pixel'), [(0, 0), (1, 0), (0, 0), (0, 0)])
    b = Builder()
    resized = b.op('RESIZE_BILINEAR', [b.input(*x.shape), b.constant(np.array([4, 4], np.int32))],
                   (1, 4, 4, 3), AlignCorners=False, HalfPixelCenters=True)
    pads = b.constant(np.array([[0, 0], [1, 0], [0, 0], [0, 0]], np.int32))
    padded = b.op('PAD', [resized, pads], large.shape)
    out = b.op('CONV_2D', [padded, b.constant(weights), b.constant(bias)], (1, 5, 4, 2), **CONV)
    np.testing.assert_allclose(run(convert(b.graph(out)), x)[0], conv(large, weights, bias),
                               atol=1e-5)


@pytest.mark.parametrize('padding', [SAME, VALID])
def test_pooling(padding: int) -> None:
    x = random(1, 5, 7, 3) - 3.0        # negative: padding with zeros would show
    options = {'Padding': padding, 'StrideH': 2, 'StrideW': 2, 'FilterHeight': 3,
               'FilterWidth': 2, 'FusedActivationFunction': NONE}
    highest = patches(x, (3, 2), 2, padding, fill=-np.inf).max((3, 4))
    mean = np.nanmean(patches(x, (3, 2), 2, padding, fill=np.nan), (3, 4))
    b = Builder()
    source = b.input(*x.shape)
    first = b.op('MAX_POOL_2D', [source], highest.shape, **options)
    second = b.op('AVERAGE_POOL_2D', [source], mean.shape, **options)
    results = run(convert(b.graph(first, second)), x)
    np.testing.assert_allclose(results[0], highest)
    np.testing.assert_allclose(results[1], mean, atol=1e-6)


def test_depth_to_space() -> None:
    x = random(1, 2, 3, 12)
    wanted = x.reshape(1, 2, 3, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(1, 4, 6, 3)
    b = Builder()
    out = b.op('DEPTH_TO_SPACE', [b.input(*x.shape)], wanted.shape, BlockSize=2)
    np.testing.assert_array_equal(run(convert(b.graph(out)), x)[0], wanted)


@pytest.mark.parametrize(('rank', 'axis'), [(4, 1), (4, 2), (4, 3), (4, -1), (3, 1), (3, -1)])
def test_concatenation(rank: int, axis: int) -> None:
    x = random(*[1, 3, 4, 2][:rank])
    wanted = np.concatenate([x, -x], axis)
    b = Builder()
    source, other = b.input(*x.shape), b.input(*x.shape)
    out = b.op('CONCATENATION', [source, other], wanted.shape, Axis=axis,
               FusedActivationFunction=NONE)
    np.testing.assert_array_equal(run(convert(b.graph(out)), x, -x)[0], wanted)


def test_reshape_sees_channels_last() -> None:
    x = random(1, 2, 3, 4)
    b = Builder()
    source = b.input(*x.shape)
    flat = b.op('RESHAPE', [source], (1, 6, 4))
    flatter = b.op('RESHAPE', [source], (1, 24))
    back = b.op('RESHAPE', [flatter], (1, 3, 4, 2))
    results = run(convert(b.graph(flat, flatter, back)), x)
    for result, shape in zip(results, [(1, 6, 4), (1, 24), (1, 3, 4, 2)], strict=True):
        np.testing.assert_array_equal(result, x.reshape(shape))


def test_pointwise_operations_with_constants() -> None:
    x, row = random(1, 3, 4, 2), random(2, seed=1)
    image, slope = random(1, 3, 4, 2, seed=2), random(1, 1, 2, seed=3)
    b = Builder()
    source = b.input(*x.shape)
    outputs = [b.op('MUL', [source, b.constant(row)], x.shape, FusedActivationFunction=NONE),
               b.op('ADD', [b.constant(image), source], x.shape, FusedActivationFunction=NONE),
               b.op('ADD', [source, b.constant(np.float32(2))], x.shape),
               b.op('PRELU', [source, b.constant(slope)], x.shape),
               b.op('LOGISTIC', [source], x.shape), b.op('RELU', [source], x.shape),
               b.op('RELU6', [source], x.shape)]
    wanted = [x * row, image + x, x + 2, np.where(x < 0, x * slope, x), 1 / (1 + np.exp(-x)),
              np.maximum(x, 0), np.clip(x, 0, 6)]
    for result, want in zip(run(convert(b.graph(*outputs)), x), wanted, strict=True):
        np.testing.assert_allclose(result, want, atol=1e-6)
