"""A loaded network: named arrays in, named arrays out, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError

Array = NDArray[Any]
Shape = tuple[int | str, ...]  # a name such as 'batch' stands for a length that may change


class Session(Protocol):
    """A loaded network."""

    @property
    def backend(self) -> str:
        """What runs it, e.g. 'onnxruntime cpu' or 'tensorrt 10.3'; ' and ' joins several."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says about itself (`metadata_props` of ONNX)."""

    @property
    def inputs(self) -> Mapping[str, Shape]:
        """Name and shape of what goes in."""

    def __call__(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Run the network.

        Raises:
            ShapeError: An input is missing, unknown, or of another shape.
        """


OpenModel = Callable[
    [str], Session
]  # what stages receive: name of an entry in models.yaml -> session


def checked_inputs(
    owner: str,
    inputs: Mapping[str, Shape],
    dtypes: Mapping[str, np.dtype[Any]],
    arrays: Mapping[str, Array],
) -> dict[str, Array]:
    """The arrays in memory order and of the network's types.

    Raises:
        ShapeError: An input is missing, unknown, or of another shape.
    """
    if arrays.keys() != inputs.keys():
        raise ShapeError(
            f'{owner} expects the inputs {", ".join(sorted(inputs))}, '
            f'got {", ".join(sorted(arrays)) or "none"}.'
        )
    lengths: dict[str, int] = {}  # of the open dimensions: one length in all inputs
    for name, shape in inputs.items():
        got = np.shape(arrays[name])
        fits = len(got) == len(shape) and all(
            n == (lengths.setdefault(wanted, n) if isinstance(wanted, str) else wanted)
            for wanted, n in zip(shape, got, strict=True)
        )
        if not fits:
            wanted_shape = ', '.join(str(n) for n in shape)
            raise ShapeError(
                f'Input {name} of {owner} must have shape ({wanted_shape}), got {got}'
                + (f' with {lengths}.' if lengths else '.')
            )
    return {name: np.ascontiguousarray(arrays[name], dtypes[name]) for name in inputs}
