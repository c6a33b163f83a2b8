"""What models.yaml declares, fetching, checksums, and the command `occpose models`."""
from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from tflite_writer import small_file

from ros2_occpose.body.human_fetch import LICENCE
from ros2_occpose.commands import models as command
from ros2_occpose.errors import ModelError
from ros2_occpose.inference import files, open_model, registry
from ros2_occpose.inference.cuda import find_device
from ros2_occpose.inference.fetch import fetch
from ros2_occpose.inference.tflite_file import read_graph
from ros2_occpose.inference.tflite_to_onnx import convert
from ros2_occpose.skeleton import skeleton_named

ROOT = Path(__file__).parent.parent
MEMBER = 'small/net.tflite'
METADATA = {'source': f'small 1.0 {MEMBER}', 'licence': 'MIT'}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('OCCPOSE_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def declared(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models.yaml with a detector of one part, which is fetched from the package `small`."""
    tflite = small_file()[0]
    onnx = convert(read_graph(tflite), outputs={'result': 'scores'}, metadata=METADATA)
    fetched = {'package': 'small', 'version': '1.0', 'member': MEMBER, 'sha256': sha256(tflite),
               'outputs': {'result': 'scores'}}
    content = {
        'finder': {'kind': 'detector', 'licence': 'MIT', 'parts': {'only': 'small_part'}},
        'small_part': {'kind': 'part', 'licence': 'MIT', 'file': 'small_part.onnx',
                       'sha256': sha256(onnx), 'inputs': {'image': ['batch', 2, 2, 3]},
                       'fetch': fetched},
        'own': {'kind': 'detector', 'licence': 'MIT', 'file': 'own.onnx', 'sha256': sha256(onnx),
                'note': 'from its publisher'},
    }
    path = tmp_path / 'models.yaml'
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    monkeypatch.setattr(registry, 'models', lambda: registry.read_models(path))
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The package `small`, good enough for pip."""
    contents = {
        MEMBER: small_file()[0],
        'small-1.0.dist-info/METADATA': b'Metadata-Version: 2.1\nName: small\nVersion: 1.0\n',
        'small-1.0.dist-info/WHEEL': b'Wheel-Version: 1.0\nRoot-Is-Purelib: true\n'
                                     b'Tag: cp311-cp311-manylinux_2_28_x86_64\n'}
    record = ''.join(
        f'{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:-1]},'
        f'{len(data)}\n' for name, data in contents.items())
    (tmp_path / 'wheels').mkdir()
    path = tmp_path / 'wheels' / 'small-1.0-cp311-cp311-manylinux_2_28_x86_64.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        for name, data in {**contents, 'small-1.0.dist-info/RECORD': record.encode()}.items():
            archive.writestr(name, data)
    return path


def edit(path: Path, name: str, **changes: object) -> None:
    content = yaml.safe_load(path.read_text())
    content[name] = {key: value for key, value in {**content[name], **changes}.items()
                     if value is not None}
    path.write_text(yaml.safe_dump(content, sort_keys=False))


# --- declarations


def test_what_we_ship_is_declared_completely() -> None:
    entries = registry.read_models(ROOT / 'models' / 'models.yaml')
    assert entries['blazepose'].kind == 'detector'
    for entry in entries.values():
        assert entry.licence, entry.name
        if entry.skeleton is not None:
            skeleton_named(entry.skeleton)
        if entry.file is not None:
            assert re.fullmatch('[0-9a-f]{64}', entry.sha256 or ''), entry.name
            assert entry.fetch is not None or (ROOT / 'models' / entry.file).is_file(), entry.name
        if entry.kind != 'part' and entry.file:
            assert entry.inputs, entry.name


@pytest.mark.parametrize(('changes', 'message'), [
    ({'kind': 'tracker'}, "own expects a kind of detector, lifter, part, got 'tracker'"),
    ({'sha256': None}, 'own needs either file and sha256, or parts'),
    ({'parts': {'a': 'small_part'}}, 'own needs either file and sha256, or parts'),
    ({'file': None, 'sha256': None, 'parts': {'a': 'gone'}}, "has the part 'gone', which is no"),
    ({'license': 'MIT'}, "the entry 'own' is not as it must be: .*unexpected.*'license'"),
    ({'fetch': {'package': 'a'}}, "the entry 'own' is not as it must be: .*missing.*'version'"),
    ({'inputs': [1, 2]}, "the entry 'own' is not as it must be"),
    ({'doubt': 1.5}, 'own expects a doubt between 0 and 1, got 1.5'),
])
def test_wrong_declarations(declared: Path, changes: dict, message: str) -> None:
    edit(declared, 'own', **changes)
    with pytest.raises(ModelError, match=message):
        registry.models()


def test_unreadable_declarations(tmp_path: Path) -> None:
    path = tmp_path / 'models.yaml'
    with pytest.raises(ModelError, match='Cannot read'):
        registry.read_models(path)
    path.write_text('- a list')
    with pytest.raises(ModelError, match=r'Expected a mapping of names to models in .* got'):
        registry.read_models(path)


# --- opening


def test_open_model(declared: Path, wheel: Path) -> None:
    fetch([registry.find_entry('small_part')], wheel)
    session = open_model('small_part', device='cpu', threads=1)
    assert session.metadata == METADATA
    assert session({'image': np.zeros((3, 2, 2, 3))})['scores'].shape == (3, 2, 2, 2)


def test_opening_what_is_not_there(declared: Path) -> None:
    with pytest.raises(ModelError, match="Unknown model 'pose'; expected one of finder,"):
        open_model('pose')
    with pytest.raises(ModelError, match='finder has no file of its own but consists of small'):
        open_model('finder')
    with pytest.raises(ModelError, match=r'small_part\.onnx of model small_part is missing; '
                                         r'run: occpose models fetch small_part$'):
        open_model('small_part')
    with pytest.raises(ModelError, match=r'own\.onnx of model own is missing; put it into '
                                         r'.*cache \(from its publisher\), or install again'):
        open_model('own')


def test_a_damaged_file_is_named_and_repaired(declared: Path, wheel: Path) -> None:
    entry = registry.find_entry('small_part')
    path, = fetch([entry], wheel)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r'small_part-\w+\.onnx is damaged or of another version: '
                                         r'expected sha256 .*; to repair, run: occpose models'):
        open_model('small_part')
    fetch([entry], wheel)
    assert open_model('small_part', device='cpu').backend == 'onnxruntime cpu'


def test_other_inputs_than_declared(declared: Path, wheel: Path) -> None:
    edit(declared, 'small_part', inputs={'image': ['n', 4, 4, 3]})
    fetch([registry.find_entry('small_part')], wheel)
    with pytest.raises(ModelError, match=r"takes .*\('batch', 2, 2.* declares .*\('n', 4, 4"):
        open_model('small_part', device='cpu')


def test_files_that_somebody_brings(declared: Path, cache: Path) -> None:
    cache.mkdir()
    (cache / 'own.onnx').write_bytes(
        convert(read_graph(small_file()[0]), outputs={'result': 'scores'}, metadata=METADATA))
    assert open_model('own', device='cpu').backend == 'onnxruntime cpu'


def own_entries(cache: Path, content: dict) -> None:
    cache.mkdir(exist_ok=True)
    (cache / 'models.yaml').write_text(yaml.safe_dump(content))


def test_entries_that_somebody_brings(cache: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / 'elsewhere.onnx'
    elsewhere.write_bytes(
        convert(read_graph(small_file()[0]), outputs={'result': 'scores'}, metadata=METADATA))
    entry = {'kind': 'part', 'licence': 'MIT', 'file': str(elsewhere)}
    own_entries(cache, {
        'mine': {'kind': 'detector', 'licence': 'MIT',
                 'parts': {'a': 'blazepose_detector', 'b': 'small'}},
        'small': entry, 'checked': {**entry, 'sha256': '0' * 64},
        'fixed': {**entry, 'inputs': {'image': [3, 2, 2, 3]}}})
    entries = registry.models()
    assert entries.keys() > registry.read_models(ROOT / 'models' / 'models.yaml').keys()
    assert [e.name for e in registry.with_parts(entries['mine'])] == ['blazepose_detector',
                                                                     'small']
    for name in ('small', 'fixed'):         # what the file leaves open may be chosen
        assert open_model(name, device='cpu').backend == 'onnxruntime cpu'
    with pytest.raises(ModelError, match='is damaged or of another version'):
        open_model('checked', device='cpu')


@pytest.mark.parametrize(('content', 'message'), [
    ({'gated': {'kind': 'lifter', 'licence': 'MIT', 'file': 'a.onnx'}},
     r'cache.models\.yaml: gated comes with this package; choose another name'),
    ({'mine': {'kind': 'detector', 'licence': 'MIT', 'parts': {'a': 'gone'}}},
     "mine has the part 'gone', which is no entry"),
    ({'mine': {'kind': 'detector', 'licence': 'MIT', 'file': 'a', 'settings': 'yes'}},
     "mine expects settings to be a mapping, got 'yes'"),
    ({'mine': {'kind': 'detector', 'file': 'a.onnx'}}, "'mine' is not as it must be: .*licence"),
])
def test_wrong_entries_that_somebody_brings(cache: Path, content: dict, message: str) -> None:
    own_entries(cache, content)
    with pytest.raises(ModelError, match=message):
        registry.models()


def test_entries_to_copy_are_as_they_must_be(cache: Path) -> None:
    cache.mkdir()
    shutil.copy(ROOT / 'models' / 'detectors.yaml', cache / 'models.yaml')
    for entry in registry.models().values():
        assert entry.kind != 'detector' or entry.family, entry.name


# --- checksums


def test_a_checksum_is_computed_once(cache: Path, tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    monkeypatch.setattr(files, 'sha256', lambda path: computed.append(path) or str(len(computed)))
    path = tmp_path / 'weights'
    path.write_bytes(b'abc')
    assert [files.remembered_sha256(path) for _ in range(3)] == ['1', '1', '1']
    os.utime(path, ns=(0, 12345))
    assert files.remembered_sha256(path) == '2'
    other = tmp_path / 'other'
    shutil.copy2(path, other)
    assert files.remembered_sha256(other) == '3'
    assert files.remembered_sha256(path) == '2'
    for damage in ('', '[]', '{"a": 1', json.dumps({str(path.resolve()): 1})):
        (cache / 'checksums.json').write_text(damage)
        before = len(computed)
        assert files.remembered_sha256(path) == str(before + 1)


def test_checksums_do_not_need_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'weights'
    path.write_bytes(b'abc')
    monkeypatch.setenv('OCCPOSE_CACHE', str(path / 'cannot' / 'be'))
    assert files.remembered_sha256(path) == sha256(b'abc')


def test_a_cache_that_cannot_be_written(declared: Path, wheel: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OCCPOSE_CACHE', str(wheel / 'cannot' / 'be'))
    with pytest.raises(ModelError, match=r'Cannot write to .*; set OCCPOSE_CACHE to a folder'):
        fetch([registry.find_entry('small_part')], wheel)


def test_writing_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'folder' / 'weights'
    files.write_atomically(path, b'first')

    def fail(descriptor: int) -> None:
        raise OSError('disk full')
    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OSError, match='disk full'):
        files.write_atomically(path, b'second')
    assert path.read_bytes() == b'first'
    assert list(path.parent.iterdir()) == [path]


# --- fetching


def test_fetch_skips_what_is_there(declared: Path, wheel: Path) -> None:
    entry = registry.find_entry('small_part')
    path, = fetch([entry], wheel)
    written = path.stat().st_mtime_ns
    wheel.unlink()
    assert fetch([entry], wheel) == [path]
    assert path.stat().st_mtime_ns == written


def test_fetch_refuses_another_package(declared: Path, wheel: Path, cache: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(ModelError, match=message):
            fetch([registry.find_entry('small_part')], wheel)
        assert not list(cache.glob('*.onnx'))
    edit(declared, 'small_part', sha256='0' * 64)
    refused('gave other bytes than declared: expected sha256 0000.*nothing was written')
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr(MEMBER, b'other')
    refused(r'net\.tflite in small-1.* is not the declared file: expected sha256')
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr('else', b'other')
    refused(r'is no wheel of small 1\.0: .*net\.tflite')
    wheel.write_bytes(b'no zip')
    refused(r'is no wheel of small 1\.0')
    with pytest.raises(ModelError, match='own cannot be fetched; put it into'):
        fetch([registry.find_entry('own')])


def test_pip_brings_the_wheel(declared: Path, wheel: Path,
                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(wheel.parent))
    path, = fetch([registry.find_entry('small_part')])
    assert path.is_file()


def test_without_a_network(declared: Path, tmp_path: Path, cache: Path,
                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(tmp_path))
    with pytest.raises(ModelError, match=r'pip could not get small==1\.0: .*No matching dist.*'
                                         r'Check the network .*occpose models fetch --wheel FILE'):
        fetch([registry.find_entry('small_part')])
    assert not list(cache.glob('*.onnx'))


# --- the command


def occpose_models(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.run(parser.parse_args(arguments))


def test_list(declared: Path, wheel: Path, cache: Path, capsys: pytest.CaptureFixture) -> None:
    def rows() -> dict[str, list[str]]:
        occpose_models('list')
        lines = [re.split(r'  +', line) for line in capsys.readouterr().out.splitlines()]
        assert lines[0] == ['NAME', 'KIND', 'LICENCE', 'PRESENT', 'CHECKSUM', 'WHERE']
        return {line[0]: line[1:] for line in lines[1:]}
    assert rows() == {
        'finder': ['detector', 'MIT', '-', '-', 'consists of small_part'],
        'small_part': ['part', 'MIT', 'no', '-', 'run: occpose models fetch small_part'],
        'own': ['detector', 'MIT', 'no', '-', registry.find_entry('own').cure],
        'body': ['body', LICENCE, 'no', '-', 'run: occpose models fetch body']}
    path, = fetch([registry.find_entry('small_part')], wheel)
    assert rows()['small_part'] == ['part', 'MIT', 'yes', 'ok', str(path)]
    status = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b'x')
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))     # only its content tells
    assert rows()['small_part'][2:4] == ['yes', 'WRONG']


@pytest.mark.parametrize('names', [(), ('finder',), ('small_part',)])
def test_fetch(declared: Path, wheel: Path, names: tuple[str, ...],
               capsys: pytest.CaptureFixture) -> None:
    occpose_models('fetch', *names, '--wheel', str(wheel))
    path = registry.find_file(registry.find_entry('small_part'))
    assert capsys.readouterr().out == f'small_part: {path}\n'


@pytest.mark.skipif(find_device() is not None, reason='a GPU is here')
def test_build_engine_without_a_gpu(declared: Path, wheel: Path) -> None:
    with pytest.raises(ModelError, match='small_part is missing; run: occpose models fetch'):
        occpose_models('build-engine', 'finder')
    fetch([registry.find_entry('small_part')], wheel)
    with pytest.raises(ModelError, match='No TensorRT engine can be built here: '):
        occpose_models('build-engine', 'finder')


def test_own_files_are_listed_and_not_checked(cache: Path, capsys: pytest.CaptureFixture) -> None:
    own_entries(cache, {'mine': {'kind': 'part', 'licence': 'MIT', 'file': 'mine.onnx'}})
    (cache / 'mine.onnx').write_bytes(b'whatever')
    occpose_models('list')
    line, = (row for row in capsys.readouterr().out.splitlines() if row.startswith('mine '))
    assert re.split('  +', line)[1:] == ['part', 'MIT', 'yes', '-', str(cache / 'mine.onnx')]


def test_listing_needs_no_runtime(declared: Path) -> None:
    check = ('import sys; from ros2_occpose.inference import registry; registry.models(); '
             "assert not {'onnx', 'onnxruntime', 'tflite', 'torch'} & set(sys.modules)")
    subprocess.run([sys.executable, '-c', check], cwd=ROOT, check=True)
