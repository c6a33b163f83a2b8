"""Pickles of other people: plain data comes back, code does not run."""
from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.errors import DataError
from ros2_occpose.safe_pickle import load_npz, load_pickle

PLAIN = {
    'poses': [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6, dtype='>i2')
                                                              .reshape(3, 2))],
    'names': np.array(['a', 'bc']), 'objects': np.array([None, {'x': 1}], object),
    'gender': ['m', b'f'], 'count': np.int64(3), 'scale': np.float32(0.5), 'ok': np.bool_(True),
    'ordered': OrderedDict(a=1), 'nothing': [np.zeros((0, 3)), b'', ''],
}


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return (b.shape == a.shape and b.dtype.newbyteorder('=') == a.dtype.newbyteorder('=')
                and all(map(same, a.ravel(), b.ravel())))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize('protocol', range(2, 6))
def test_plain_values_and_arrays_come_back(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / 'plain.pkl'
    path.write_bytes(pickle.dumps(PLAIN, protocol))
    assert same(PLAIN, load_pickle(path))


def test_a_pickle_of_python_2_comes_back(tmp_path: Path) -> None:
    """An array of 1.5 and a word with an accent, as Python 2 writes them: bytes as text."""
    path = tmp_path / 'old.pkl'
    path.write_bytes(
        b'\x80\x02}(U\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b'
        b'\x87R(K\x01K\x01\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff'
        b'\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x00\x00\x00\x00\xf8?tbU\x01sU\x04caf\xe9'
        b'u.')
    found = load_pickle(path)
    assert found['a'].tolist() == [1.5]
    assert found['s'] == 'café'


class Malicious:
    def __init__(self, call, *args) -> None:
        self.call = call
        self.args = args

    def __reduce__(self):
        return self.call, self.args


@pytest.mark.parametrize('protocol', range(2, 6))
@pytest.mark.parametrize(('call', 'asked'), [
    (os.mkdir, 'mkdir'), (eval, 'eval'), (getattr, 'getattr'), (np.load, 'load'),
    (pickle.loads, 'loads'), (np.memmap, 'memmap')])
def test_a_malicious_pickle_is_refused(tmp_path: Path, protocol: int, call, asked: str) -> None:
    path, made = tmp_path / 'evil.pkl', tmp_path / 'made'
    path.write_bytes(pickle.dumps({'poses': [Malicious(call, str(made))]}, protocol))
    with pytest.raises(DataError, match=rf'asks for \S+\.{asked}, which could run code'):
        load_pickle(path)
    assert not made.exists()


def test_what_is_tested_would_have_run(tmp_path: Path) -> None:
    made = tmp_path / 'made'
    pickle.loads(pickle.dumps(Malicious(os.mkdir, str(made))))
    assert made.exists()


def test_a_malicious_array_inside_an_archive_is_refused(tmp_path: Path) -> None:
    path, made = tmp_path / 'evil.npz', tmp_path / 'made'
    np.savez(path, positions_3d=np.array({'S1': Malicious(os.mkdir, str(made))}, object))
    with pytest.raises(DataError, match='mkdir'):
        load_npz(path, 'positions_3d')
    assert not made.exists()


@pytest.mark.parametrize(('program', 'why'), [
    (b'cnumpy\nndarray\n(I1\ntR.', 'out of nothing'),                   # memory as it is
    (b'cnumpy\ndtype\n(VO8,O8\ntR.', 'an array of'),
    (b'cnumpy\ndtype\n(Vf8\ntR(I3\nV<\nN(Vx\nt}I8\nI8\nI0\ntb.', 'records'),
    (b'c_codecs\nencode\n(Vabc\nVrot13\ntR.', 'bytes in'),
    (b'cnumpy\ndtype\n(N}Vx\nI1\nstb.', 'function with a state'),       # a change of our own
    (b'\x80\x04\x95', 'damaged'), (b'', 'damaged'), (b'hello', 'damaged'),
])
def test_forged_parts_are_refused(tmp_path: Path, program: bytes, why: str) -> None:
    path = tmp_path / 'forged.pkl'
    path.write_bytes(program)
    with pytest.raises(DataError, match=f'(?s)Expected a pickle of plain values.*{why}'):
        load_pickle(path)


def test_raw_bytes_do_not_become_objects(tmp_path: Path) -> None:
    """Bytes that are taken for pointers would end the process."""
    raw = pickle.dumps(np.array([1.0]), 2).replace(b'f8', b'O8')
    path = tmp_path / 'pointers.pkl'
    path.write_bytes(raw)
    with pytest.raises(DataError, match='damaged'):
        load_pickle(path)
    raw = pickle.dumps(np.array([1.0]), 5).replace(b'f8', b'O8')
    path.write_bytes(raw)
    with pytest.raises(DataError, match='damaged'):
        load_pickle(path)


def test_archives_give_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / 'plain.npz'
    np.savez_compressed(path, table=PLAIN, numbers=np.arange(3))
    assert same(PLAIN, load_npz(path, 'table')['table'])
    assert load_npz(path, optional=('numbers', 'poses')).keys() == {'numbers'}
    assert load_npz(path, 'numbers')['numbers'].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r'Expected poses in .*\.npz, got numbers, table; see'):
        load_npz(path, 'numbers', 'poses')


def test_missing_and_damaged_archives_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='Expected a NumPy archive at'):
        load_npz(tmp_path / 'none.npz', 'a')
    with pytest.raises(DataError, match='Expected a pickle at'):
        load_pickle(tmp_path / 'none.pkl')
    path = tmp_path / 'half.npz'
    np.savez(path, a=np.arange(1000))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match='Expected a NumPy archive at'):
        load_npz(path, 'a')
