"""TensorRT: keys, locking and batches with stand-ins (fake_tensorrt.py); the real one where it is.

What stand-ins cannot show is whether TensorRT itself builds and runs; for that, the tests marked
needs_gpu compare it with ONNX Runtime, and `test_tensorrt_has_what_we_call` reads its bindings.
"""
from __future__ import annotations

import importlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import fake_tensorrt as fake
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ros2_occpose.errors import ModelError
from ros2_occpose.inference import cuda, load, load_session
from ros2_occpose.inference.cuda import Device
from ros2_occpose.inference.engines import (
    BATCHES,
    Engine,
    batches_of,
    cached_engine,
    engine_path,
    split,
)
from ros2_occpose.resources import resource

ORIN = Device('Orin', (8, 7))
MODULE = 'ros2_occpose.inference.tensorrt_session'


def network(batch: str | int = 'batch', name: str = 'affine') -> bytes:
    """Joints (batch, 3) * scale (3) -> scaled (batch, 3); and scale + 1, which has no batch."""
    shapes = {'joints': [batch, 3], 'scale': [3], 'scaled': [batch, 3], 'more': [3]}
    infos = {key: helper.make_tensor_value_info(key, TensorProto.FLOAT, shape)
             for key, shape in shapes.items()}
    nodes = [helper.make_node('Mul', ['joints', 'scale'], ['scaled']),
             helper.make_node('Add', ['scale', 'one'], ['more'])]
    graph = helper.make_graph(nodes, name, [infos['joints'], infos['scale']],
                              [infos['scaled'], infos['more']],
                              [helper.make_tensor('one', TensorProto.FLOAT, [], [1.0])])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])
    helper.set_model_props(model, {'skeleton': 'h36m17'})
    return model.SerializeToString()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('OCCPOSE_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / 'affine.onnx').write_bytes(network())
    return tmp_path / 'affine.onnx'


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Our TensorRT session on stand-ins for TensorRT, CUDA and the GPU."""
    monkeypatch.setitem(sys.modules, 'tensorrt', fake.module())
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    session = importlib.import_module(MODULE)
    for name in ('Memory', 'Stream'):
        monkeypatch.setattr(session, name, getattr(fake, name))
    monkeypatch.setattr(session, 'find_device', lambda: ORIN)
    fake.BUILT.clear()
    fake.MEMORY.clear()
    yield session
    sys.modules.pop(MODULE, None)


# --- without TensorRT


def test_engines_are_kept_apart_by_all_that_they_depend_on(path: Path) -> None:
    def key(**changes: object) -> Path:
        chosen = {'tensorrt': '10.3.0', 'device': ORIN, 'half': False, **changes}
        return engine_path(path, **chosen)
    keys = [key(), key(tensorrt='10.4.0'), key(device=Device('Orin', (8, 9))),
            key(device=Device('Thor', (8, 7))), key(half=True)]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
    path.write_bytes(network(name='other'))
    assert key() not in keys


def test_batches_and_their_parts() -> None:
    assert batches_of({'a': ('batch', 3), 'b': (3,)}) == BATCHES
    assert batches_of({'a': ('n', 3), 'b': (32, 'batch', 8)}) == BATCHES
    assert batches_of({'a': (1, 3)}) == (1,)
    for shape in (('batch', 'frames'), (1, 'frames', 3)):
        with pytest.raises(ModelError, match=rf'input a has the shape {re.escape(str(shape))}'):
            batches_of({'a': shape})
    for count in range(40):
        parts = split(count, BATCHES)
        assert sum(number for _, number, _ in parts) == count
        assert [first for first, _, _ in parts] == [16 * k for k in range(len(parts))]
        assert all(number <= batch for _, number, batch in parts)


def test_an_engine_is_built_once_and_again_when_damaged(cache: Path) -> None:
    built = []

    def build() -> Engine:
        built.append(1)
        return Engine({'joints': ('batch', 3)}, {'skeleton': 'h36m17'}, b'plan\nwith lines')
    target = cache / 'engines' / 'a.engine'
    assert cached_engine(target, build) == cached_engine(target, build)
    assert len(built) == 1
    for damage in (b'', b'no header', target.read_bytes()[:-1], b'{"sha256": 1}\nplan'):
        target.write_bytes(damage)
        assert cached_engine(target, build).plan == b'plan\nwith lines'
    assert len(built) == 5


def test_two_at_once_build_one_engine(cache: Path) -> None:
    built, results = [], []

    def build() -> Engine:
        built.append(1)
        time.sleep(0.2)
        return Engine({}, {}, b'plan')

    def want() -> None:
        results.append(cached_engine(cache / 'a.engine', build))
    threads = [threading.Thread(target=want) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert [r.plan for r in results] == [b'plan'] * 3


@pytest.mark.skipif(cuda.find_device() is not None, reason='a GPU is here')
def test_a_machine_without_a_gpu_is_found_out_without_harm() -> None:
    code = 'from ros2_occpose.inference.cuda import find_device; print(find_device())'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                            cwd=Path(__file__).parent.parent, check=True)
    assert result.stdout == 'None\n'


# --- with stand-ins


@pytest.mark.parametrize('count', [0, 1, 2, 4, 5, 16, 37])
def test_any_number_of_people(tensorrt: ModuleType, path: Path, count: int) -> None:
    session = tensorrt.TensorrtSession(path)
    joints = np.arange(3.0 * count).reshape(count, 3)
    for factor in (1, 2):           # memory is used again
        result = session({'joints': joints * factor, 'scale': np.array([1, 2, 3])})
        np.testing.assert_array_equal(result['scaled'], joints * factor * [1, 2, 3])
        assert result['scaled'].dtype == np.float32
        if count:
            np.testing.assert_array_equal(result['more'], [2, 3, 4])
    assert result.keys() == {'scaled', 'more'}


@pytest.mark.parametrize('count', [1, 3, 4, 21])
@pytest.mark.parametrize('name', ['chomp_causal', 'gated_causal'])
def test_lifters_with_people_on_any_axis(tensorrt: ModuleType, name: str, count: int) -> None:
    path = resource('models', f'{name}.onnx')
    session, reference = tensorrt.TensorrtSession(path), load_session(path, device='cpu')
    rng = np.random.default_rng(count)
    feed = {name: rng.normal(size=[count if n == 'batch' else n for n in shape])
            for name, shape in session.inputs.items()}
    wanted, got = reference(feed), session(feed)
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(got[name], array, atol=1e-4)


def test_a_fixed_batch(tensorrt: ModuleType, path: Path) -> None:
    path.write_bytes(network(batch=2))
    joints = np.ones((2, 3))
    result = tensorrt.TensorrtSession(path)({'joints': joints, 'scale': np.array([1, 2, 3])})
    np.testing.assert_array_equal(result['scaled'], joints * [1, 2, 3])


def test_a_session_describes_itself(tensorrt: ModuleType, path: Path) -> None:
    for _ in range(2):              # built, then from the cache
        session = tensorrt.TensorrtSession(path)
        assert session.backend == 'tensorrt 10.3'
        assert session.inputs == {'joints': ('batch', 3), 'scale': (3,)}
        assert session.metadata == {'skeleton': 'h36m17'}
    assert fake.BUILT == [True]
    assert tensorrt.build_engine(path).is_file()
    assert fake.BUILT == [True]


def test_lengths_that_depend_on_the_image_are_refused(tensorrt: ModuleType, path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    known = fake.Context.get_tensor_shape
    monkeypatch.setattr(fake.Context, 'get_tensor_shape', lambda self, name: (
        [-1, 5] if name == 'more' else known(self, name)))
    with pytest.raises(ModelError, match='length of its output more depends on what is in the'):
        tensorrt.TensorrtSession(path)


def test_a_long_build_gives_signs_of_life(tensorrt: ModuleType, path: Path,
                                          monkeypatch: pytest.MonkeyPatch,
                                          caplog: pytest.LogCaptureFixture) -> None:
    def build(self: object, network: dict, config: fake.Config) -> bytes:
        deadline = time.monotonic() + 10
        while 'Still building' not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        return quick(self, network, config)
    quick = fake.Builder.build_serialized_network
    monkeypatch.setattr(fake.Builder, 'build_serialized_network', build)
    monkeypatch.setattr(tensorrt, 'SIGN_S', 0.01)
    threads = threading.active_count()
    tensorrt.build_engine(path)
    assert 'Still building the engine of affine.onnx: 0 s.' in caplog.text
    assert threading.active_count() == threads


def test_half_changes_the_network_that_is_built(tensorrt: ModuleType, path: Path) -> None:
    full = tensorrt.build_engine(path)
    half = tensorrt.build_engine(path, half=True)
    assert b'Cast' in half.read_bytes()
    assert b'Cast' not in full.read_bytes()


def test_without_a_graph_it_runs_all_the_same(tensorrt: ModuleType, path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, work: object) -> None:
        raise ModelError('CUDA error 900: not permitted.')
    monkeypatch.setattr(fake.Stream, 'record', refuse)
    result = tensorrt.TensorrtSession(path)({'joints': np.ones((2, 3)), 'scale': np.ones(3)})
    np.testing.assert_array_equal(result['scaled'], np.ones((2, 3)))


def test_what_tensorrt_cannot_read_or_load(tensorrt: ModuleType, path: Path,
                                           caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(network(name='Unparsable'))
    with pytest.raises(ModelError, match=r'cannot read .*affine\.onnx: error number 0'):
        tensorrt.TensorrtSession(path)
    path.write_bytes(network())
    target = engine_path(path, tensorrt='10.3.0', device=ORIN, half=False)
    cached_engine(target, lambda: Engine({'joints': ('batch', 3), 'scale': (3,)}, {}, b'foreign'))
    with pytest.raises(ModelError, match='the file was removed: start again to build it anew'):
        tensorrt.TensorrtSession(path)
    assert not target.exists()


def test_tensorrt_without_a_gpu_is_an_error(tensorrt: ModuleType, path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt, 'find_device', lambda: None)
    with pytest.raises(ModelError, match='TensorRT needs an NVIDIA GPU, and CUDA finds none here'):
        tensorrt.TensorrtSession(path)
    with pytest.raises(ModelError, match='TensorRT needs an NVIDIA GPU'):
        tensorrt.build_engine(path)


def test_an_old_tensorrt_is_not_used(path: Path, monkeypatch: pytest.MonkeyPatch,
                                     caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, 'tensorrt', fake.module('8.6.1'))
    monkeypatch.setattr(load, 'find_device', lambda: ORIN)
    assert load_session(path, device='tensorrt').backend == 'onnxruntime cpu'
    assert 'TensorRT 8.6.1 is too old; 10.3 to 11 work' in caplog.text


def test_auto_uses_tensorrt_where_it_is(tensorrt: ModuleType, path: Path,
                                        monkeypatch: pytest.MonkeyPatch,
                                        caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(load, 'find_device', lambda: ORIN)
    assert load_session(path).backend == 'tensorrt 10.3'
    path.write_bytes(network(name='Unparsable'))
    assert load_session(path).backend == 'onnxruntime cpu'
    assert 'there is a GPU, but onnxruntime cpu is used; tensorrt cannot be had' in caplog.text


# --- with the real TensorRT

CALLED = {
    'Builder': ('create_network', 'create_builder_config', 'create_optimization_profile',
                'build_serialized_network'),
    'DataType': ('FLOAT', 'HALF', 'BOOL', 'INT32', 'INT64', 'UINT8'),
    'IBuilderConfig': ('add_optimization_profile',),
    'ICudaEngine': ('num_io_tensors', 'get_tensor_name', 'get_tensor_dtype', 'get_tensor_shape',
                    'create_execution_context'),
    'IExecutionContext': ('set_optimization_profile_async', 'set_input_shape', 'get_tensor_shape',
                          'set_tensor_address', 'execute_async_v3'),
    'ILogger': ('Severity', 'log'),
    'IOptimizationProfile': ('set_shape',),
    'NetworkDefinitionCreationFlag': ('STRONGLY_TYPED',),
    'OnnxParser': ('parse', 'num_errors', 'get_error'),
    'Runtime': ('deserialize_cuda_engine',),
}


@pytest.mark.skipif(find_spec('tensorrt') is None, reason='the package tensorrt is not installed')
def test_tensorrt_has_what_we_call() -> None:
    import tensorrt
    missing = [f'{owner}.{name}' for owner, names in CALLED.items() for name in names
               if not hasattr(getattr(tensorrt, owner, None), name)]
    assert missing == []
    severities = tensorrt.ILogger.Severity
    assert {'INTERNAL_ERROR', 'ERROR', 'WARNING'} <= set(severities.__members__)
    log = importlib.import_module(MODULE)._log()
    log.log(severities.WARNING, 'heard')


@pytest.mark.needs_gpu
@pytest.mark.skipif(find_spec('tensorrt') is None, reason='the package tensorrt is not installed')
@pytest.mark.parametrize('half', [False, True])
def test_tensorrt_agrees_with_onnx_runtime(path: Path, half: bool) -> None:
    session = load_session(path, device='tensorrt', half=half)
    assert session.backend.startswith('tensorrt')
    reference = load_session(path, device='cpu')
    for count in (1, 3, 21):
        feed = {'joints': np.random.default_rng(0).normal(size=(count, 3)), 'scale': np.ones(3)}
        wanted, got = reference(feed), session(feed)
        for name, array in wanted.items():
            np.testing.assert_allclose(got[name], array, rtol=2e-3, atol=2e-3)


def test_the_test_network_is_valid() -> None:
    onnx.checker.check_model(onnx.load_from_string(network()), full_check=True)
