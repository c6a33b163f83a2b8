"""ONNX networks in float16, for engines that compute in it."""

from __future__ import annotations

from ..errors import ModelError


def to_half(model: bytes) -> bytes:
    """The network with float16 weights and layers; inputs and outputs stay float32.

    Raises:
        ModelError: The `onnx` package that this needs is not installed.
    """
    try:
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as error:
        raise ModelError(
            f'float16 needs the Python package onnx ({error}); '
            'install it with: pip install onnx'
        ) from error
    converted = convert_float_to_float16(onnx.load_from_string(model), keep_io_types=True)
    return bytes(converted.SerializeToString())
