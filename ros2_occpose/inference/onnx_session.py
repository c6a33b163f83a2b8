"""Networks on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from ..errors import ModelError
from .session import Array, Shape, checked_inputs

_DTYPES = {
    'tensor(float)': np.float32,
    'tensor(float16)': np.float16,
    'tensor(double)': np.float64,
    'tensor(uint8)': np.uint8,
    'tensor(bool)': np.bool_,
    'tensor(int32)': np.int32,
    'tensor(int64)': np.int64,
}


class OnnxSession:
    """An ONNX file on a CPU or on an NVIDIA GPU."""

    def __init__(self, path: Path, *, threads: int = 2, cuda: bool = False) -> None:
        """Load it, with `cuda` on a GPU.

        Raises:
            ModelError: The file cannot be loaded, or CUDA was asked for and cannot be had.
        """
        self._name = path.name
        wanted = 'CUDAExecutionProvider' if cuda else 'CPUExecutionProvider'
        if cuda and hasattr(ort, 'preload_dlls'):
            ort.preload_dlls()  # finds CUDA and cuDNN where pip put them
        # The default search would try all algorithms anew for every number of people.
        options = {'cudnn_conv_algo_search': 'HEURISTIC'} if cuda else {}
        try:
            self._session = ort.InferenceSession(
                str(path), _options(threads), providers=[(wanted, options)]
            )
        except Exception as error:  # onnxruntime has no common class for its errors
            raise ModelError(
                f'{path} cannot be loaded by ONNX Runtime {ort.__version__}: {error}'
            ) from error
        if self._session.get_providers()[0] != wanted:
            raise ModelError(f'ONNX Runtime cannot use {wanted} here; its own log says why.')
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._dtypes = {i.name: np.dtype(_DTYPES[i.type]) for i in self._session.get_inputs()}
        self.inputs: Mapping[str, Shape] = {
            i.name: tuple(n if isinstance(n, int) else str(n) for n in i.shape)
            for i in self._session.get_inputs()
        }
        self.metadata: Mapping[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.backend = f'onnxruntime {"cuda" if cuda else "cpu"}'

    def __call__(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Run the network.

        Raises:
            ShapeError: An input is missing, unknown, or of another shape.
        """
        feed = checked_inputs(self._name, self.inputs, self._dtypes, arrays)
        return dict(zip(self._outputs, self._session.run(self._outputs, feed), strict=True))


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads must not spin: several networks share few cores (5 people: 48 ms, not 75).
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.log_severity_level = 3
    return options
