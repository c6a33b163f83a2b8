"""Pickles and NumPy archives of other people, read without running anything that they hold.

A pickle is a program: it may import any module and call any function in it. The data sets here
need arrays, numbers and plain containers, so the only things handed out are the stand-ins below,
which build those from checked parts; a file that asks for anything else is refused. Arrays of
objects inside `.npz` archives are pickles too and go the same way.
"""
from __future__ import annotations

import pickle
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

_PLAIN = re.compile(r'[<>=|]?([?biufcSU][0-9]*|O[48]?)')      # numbers, text, and lists of objects


def load_pickle(path: Path) -> Any:
    """The plain values and NumPy arrays of a pickle; text of Python 2 is read as latin-1.

    Raises:
        DataError: The file is missing or damaged, or asks for code.
    """
    try:
        with path.open('rb') as file:
            return _unpickle(file, path)
    except OSError as error:
        raise DataError(f'Expected a pickle at {path}, got {error.strerror}; see '
                        'docs/datasets.md for where files go.') from error


def load_npz(path: Path, *keys: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Some entries of a NumPy archive; an array of one object is that object.

    Args:
        optional: Entries that are given where they are there.

    Raises:
        DataError: The file or an entry is missing or damaged, or asks for code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix('.npy'): name for name in archive.namelist()}
            require(names, *keys, source=path)
            return {key: _read_array(archive, names[key], path)
                    for key in (*keys, *optional) if key in names}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f'Expected a NumPy archive at {path}, got {error}; download it again, or '
                        'see docs/datasets.md for where files go.') from error


def require(found: object, *keys: object, source: Path | str) -> None:
    """See that a table has all of `keys`.

    Raises:
        DataError: It names what is missing, and what was found instead.
    """
    if not isinstance(found, Mapping):
        raise DataError(f'Expected a table with {", ".join(map(str, keys))} in {source}, '
                        f'got {type(found).__name__}; see docs/datasets.md for the layout.')
    missing = [str(key) for key in keys if key not in found]
    if missing:
        got = ', '.join(sorted(map(str, found))[:20]) or 'nothing'
        raise DataError(f'Expected {", ".join(missing)} in {source}, got {got}; see '
                        'docs/datasets.md for the release that is read.')


def _read_array(archive: zipfile.ZipFile, name: str, path: Path) -> Any:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                else np.lib.format.read_array_header_2_0)
        _, _, dtype = read(file)
        if dtype.hasobject:
            value = _unpickle(file, path)
            return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    with archive.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _unpickle(file: IO[bytes], path: Path) -> Any:
    try:
        return _Unpickler(file, path).load()
    except DataError:
        raise
    except Exception as error:       # damaged bytes raise nearly anything
        raise DataError(f'Expected a pickle of plain values and arrays in {path}, got damaged '
                        f'data ({error}); download it again.') from error


class _Maker:
    """Something a pickle may call, and not change."""

    __slots__ = ('_make',)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: Any) -> Any:
        return self._make(*args)

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError('a function with a state')


class _Type:
    """Stands for a `numpy.dtype` of numbers, text or objects."""

    def __init__(self, name: object, *_: object) -> None:
        if not isinstance(name, str) or not _PLAIN.fullmatch(name):
            raise pickle.UnpicklingError(f'an array of {name!r}')
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if any(state[2:5]):
            raise pickle.UnpicklingError('an array of records')
        if state[1] in ('<', '>'):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array(np.ndarray[Any, Any]):
    """An array that takes its content from checked parts."""

    def __setstate__(self, state: Any) -> None:
        version, shape, kind, fortran, content = state
        if not isinstance(kind, _Type):
            raise pickle.UnpicklingError('an array without a type')
        if isinstance(content, str):                       # bytes of Python 2
            content = content.encode('latin1')
        super().__setstate__((version, shape, kind.dtype, fortran, content))


def _array_from_buffer(content: Any, kind: _Type, shape: Any, order: str) -> NDArray[Any]:
    return np.frombuffer(content, kind.dtype).reshape(shape, order='F' if order == 'F' else 'C')


def _number(kind: _Type, content: Any) -> Any:
    raw = content.encode('latin1') if isinstance(content, str) else content
    return np.frombuffer(raw, kind.dtype)[0]


def _bytes(text: str, encoding: str) -> bytes:
    """How protocol 2 writes bytes; any other codec could be somebody's own."""
    if encoding not in ('latin1', 'latin-1'):
        raise pickle.UnpicklingError(f'bytes in {encoding!r}')
    return text.encode('latin1')


class _Stateful(ABC):
    """Stands for an object of a known class that holds plain values."""

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError('an object without names of its values')
        self.held = dict(state)

    @abstractmethod
    def array(self) -> NDArray[Any]:
        """The numbers that it holds."""


class _Chumpy(_Stateful):
    """An array of the package chumpy, in which files of SMPL are written."""

    def array(self) -> NDArray[Any]:
        return np.asarray(self.held['x'])


class _Select(_Stateful):
    """Some numbers of another array, in the package chumpy."""

    def array(self) -> NDArray[Any]:
        source = self.held['a']
        whole = source.array() if isinstance(source, _Stateful) else np.asarray(source)
        some = whole.ravel()[np.asarray(self.held['idxs'], int)]
        return some.reshape(self.held.get('preferred_shape', some.shape))


class _Columns(_Stateful):
    """A sparse matrix of SciPy, by columns."""

    def array(self) -> NDArray[Any]:
        shape: tuple[int, int] = self.held['_shape']
        columns = np.repeat(np.arange(shape[1]), np.diff(self.held['indptr']))
        out = np.zeros(shape)
        np.add.at(out, (self.held['indices'], columns), self.held['data'])
        return out


def _made(kind: Any, *_: object) -> _Stateful:
    """How protocols 0 and 1 begin an object."""
    for known in (_Chumpy, _Select, _Columns):
        if kind is known:
            return known.__new__(known)
    raise pickle.UnpicklingError(f'an object of {kind!r}')


def arrays_in(values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays of a table out of `load_pickle`, those in objects of chumpy and SciPy too."""
    plain = {name: value.array() if isinstance(value, _Stateful) else value
             for name, value in values.items()}
    return {name: value for name, value in plain.items() if isinstance(value, np.ndarray)}


def _refuse(*_: object) -> NoReturn:
    raise pickle.UnpicklingError('an array out of nothing')


_ADMITTED = {
    ('numpy', 'ndarray'): _Maker(_refuse),                 # only ever an argument of _reconstruct
    ('numpy', 'dtype'): _Maker(_Type),
    ('_codecs', 'encode'): _Maker(_bytes),
    ('__builtin__', 'bytes'): _Maker(lambda: b''),         # how protocol 2 writes no bytes
    ('collections', 'OrderedDict'): _Maker(dict),
    ('__builtin__', 'set'): _Maker(set),                   # what objects of chumpy remember
    ('builtins', 'set'): _Maker(set),
    ('chumpy.ch', 'Ch'): _Chumpy,                          # classes: made without being called
    ('chumpy.reordering', 'Select'): _Select,
    ('scipy.sparse.csc', 'csc_matrix'): _Columns,
    ('scipy.sparse._csc', 'csc_matrix'): _Columns,
    ('copy_reg', '_reconstructor'): _Maker(_made),         # as Python 2 names it, and Python 3
    ('copyreg', '_reconstructor'): _Maker(_made),
    ('__builtin__', 'object'): _Maker(_refuse),
    ('builtins', 'object'): _Maker(_refuse),
    **{entry: _Maker(make)
       for core in ('numpy.core', 'numpy._core')           # before and since NumPy 2
       for entry, make in (((f'{core}.multiarray', '_reconstruct'), lambda *_: _Array(0)),
                           ((f'{core}.multiarray', 'scalar'), _number),
                           ((f'{core}.numeric', '_frombuffer'), _array_from_buffer))},
}


class _Unpickler(pickle.Unpickler):
    """Hands out `_ADMITTED` and nothing else."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(file, encoding='latin1')
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name.

        Raises:
            DataError: The pickle asks for something else.
        """
        if (module, name) not in _ADMITTED:
            raise DataError(
                f'Expected only plain values and NumPy arrays in {self._path}, but it asks for '
                f'{module}.{name}, which could run code; none was run. Download the file from its '
                'publisher again, and do not open this one with pickle.')
        return _ADMITTED[module, name]
