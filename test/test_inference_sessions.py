"""Networks behind one call: what goes in and out, and what happens when something is missing."""
from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ros2_occpose.errors import ModelError, ShapeError
from ros2_occpose.inference import Session, load, load_session
from ros2_occpose.inference.cuda import Device, find_device
from ros2_occpose.inference.half import to_half
from ros2_occpose.inference.onnx_session import OnnxSession

has_gpu = find_device() is not None


def network() -> bytes:
    """Joints (batch, 3, 2) and weights (batch, 3) -> weighted joints, and their sum."""
    nodes = [helper.make_node('Unsqueeze', ['weights', 'last'], ['column']),
             helper.make_node('Mul', ['joints', 'column'], ['weighted']),
             helper.make_node('ReduceSum', ['weighted', 'second'], ['total'], keepdims=0)]
    shapes = {'joints': ['batch', 3, 2], 'weights': ['batch', 3], 'weighted': ['batch', 3, 2],
              'total': ['batch', 2]}
    infos = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for name, shape in shapes.items()}
    constants = [helper.make_tensor(name, TensorProto.INT64, [1], [axis])
                 for name, axis in [('last', 2), ('second', 1)]]
    graph = helper.make_graph(nodes, 'weighted', [infos['joints'], infos['weights']],
                              [infos['weighted'], infos['total']], constants)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])
    helper.set_model_props(model, {'skeleton': 'h36m17'})
    return model.SerializeToString()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / 'weighted.onnx'
    target.write_bytes(network())
    return target


@pytest.fixture
def session(path: Path) -> Session:
    return load_session(path, device='cpu', threads=1)


def arrays(batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(batch)
    return {'joints': rng.normal(size=(batch, 3, 2)), 'weights': rng.random((batch, 3))}


@pytest.mark.parametrize('batch', [1, 5])
def test_named_arrays_in_and_out(session: Session, batch: int) -> None:
    feed = arrays(batch)
    result = session(feed)
    weighted = feed['joints'] * feed['weights'][..., None]
    assert list(result) == ['weighted', 'total']
    np.testing.assert_allclose(result['weighted'], weighted, atol=1e-6)
    np.testing.assert_allclose(result['total'], weighted.sum(1), atol=1e-6)
    assert result['total'].dtype == np.float32


def test_arrays_need_not_lie_in_memory_order(session: Session) -> None:
    feed = arrays(4)
    strided = {'joints': np.asfortranarray(feed['joints'])[::2], 'weights': feed['weights'][::2]}
    np.testing.assert_array_equal(session(strided)['weighted'], session(feed)['weighted'][::2])


def test_a_session_describes_itself(session: Session) -> None:
    assert session.backend == 'onnxruntime cpu'
    assert session.metadata == {'skeleton': 'h36m17'}
    assert session.inputs == {'joints': ('batch', 3, 2), 'weights': ('batch', 3)}


def test_wrong_inputs_are_named(session: Session) -> None:
    feed = arrays(2)
    with pytest.raises(ShapeError, match=r'weighted.onnx expects the inputs joints, weights, '
                                         r'got joints\.'):
        session({'joints': feed['joints']})
    with pytest.raises(ShapeError, match='got joints, scores, weights'):
        session({**feed, 'scores': feed['weights']})
    with pytest.raises(ShapeError, match=r'Input joints .* must have shape \(batch, 3, 2\), '
                                         r'got \(2, 3, 3\)'):
        session({**feed, 'joints': np.zeros((2, 3, 3))})
    with pytest.raises(ShapeError, match=r'Input weights .* got \(3, 3\) with .*batch.*2'):
        session({**feed, 'weights': np.zeros((3, 3))})


def test_missing_and_damaged_files(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ModelError, match=r'absent\.onnx does not exist'):
        load_session(tmp_path / 'absent.onnx')
    path.write_bytes(network()[:-40])
    for device in ('auto', 'cpu', 'cuda', 'tensorrt'):
        with pytest.raises(ModelError, match=r'weighted\.onnx cannot be loaded'):
            load_session(path, device=device)


def test_unknown_device(path: Path) -> None:
    with pytest.raises(ModelError, match="Unknown device 'gpu'; expected one of auto, cpu,"):
        load_session(path, device='gpu')


@pytest.mark.skipif(has_gpu, reason='a GPU is here: nothing falls back')
@pytest.mark.parametrize('device', ['cuda', 'tensorrt'])
def test_a_device_that_cannot_be_had_is_replaced_loudly(
        path: Path, device: str, caplog: pytest.LogCaptureFixture) -> None:
    session = load_session(path, device=device)
    assert session.backend == 'onnxruntime cpu'
    warning, = (r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    assert f'weighted.onnx: device {device} was asked for, onnxruntime cpu is used' in warning
    assert 'pip install' in warning or 'nvidia-smi' in warning


@pytest.mark.skipif(has_gpu, reason='a GPU is here: auto has something to say')
def test_auto_without_a_gpu_is_quiet(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load_session(path, device='auto').backend == 'onnxruntime cpu'
    assert not caplog.records


def test_half_keeps_inputs_and_outputs(tmp_path: Path, session: Session) -> None:
    path = tmp_path / 'half.onnx'
    path.write_bytes(to_half(network()))
    casts = [n.attribute[0].i for n in onnx.load(path).graph.node if n.op_type == 'Cast']
    assert TensorProto.FLOAT16 in casts
    half, feed = OnnxSession(path, threads=1), arrays(3)
    result, wanted = half(feed), session(feed)
    for name, array in wanted.items():
        assert result[name].dtype == np.float32
        np.testing.assert_allclose(result[name], array, rtol=2e-3, atol=2e-3)
        assert np.any(result[name] != array)


@pytest.mark.parametrize(('device', 'gpu', 'backends', 'said'), [
    ('cpu', True, {'detection': 'onnxruntime cpu'}, ''),
    ('auto', False, {'detection': 'onnxruntime cpu'}, ''),
    ('auto', True, {'detection': 'onnxruntime cuda', 'lifting': 'onnxruntime cuda'}, ''),
    ('auto', True, {'detection': 'onnxruntime cuda', 'lifting': 'onnxruntime cpu'},
     'There is a GPU, but lifting runs on onnxruntime cpu; the log says why'),
    ('tensorrt', True, {'detection': 'tensorrt 10.3', 'lifting': 'tensorrt 10.3'}, ''),
    ('tensorrt', True, {'detection': 'onnxruntime cuda', 'lifting': 'onnxruntime cpu'},
     'device tensorrt was asked for, but detection runs on onnxruntime cuda and lifting runs on '
     'onnxruntime cpu'),
    ('cuda', False, {'detection': 'onnxruntime cpu'}, 'device cuda was asked for, but detection'),
    ('tensorrt', True, {'detection': 'onnxruntime cpu and tensorrt 10.3'},
     'device tensorrt was asked for, but detection runs on onnxruntime cpu and tensorrt 10.3;'),
    ('auto', True, {'detection': 'onnxruntime cpu and tensorrt 10.3'}, 'There is a GPU, but det'),
])
def test_a_fallback_is_never_silent(device, gpu, backends, said, monkeypatch):
    monkeypatch.setattr(load, 'find_device', lambda: Device('GPU', (8, 7)) if gpu else None)
    found = load.shortfall(device, backends)
    assert found.startswith(said)
    assert bool(found) == bool(said)
