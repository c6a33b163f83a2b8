"""The default detector: fetched, converted, and the same as in LiteRT."""
from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

from ros2_occpose.errors import ModelError
from ros2_occpose.inference import open_model, registry
from ros2_occpose.inference.fetch import convert_member, fetch


@pytest.fixture(scope='module')
def default_detector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """BlazePose, fetched and converted anew, so that today's converter is what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('OCCPOSE_CACHE', str(tmp_path_factory.mktemp('cache')))
        entries = registry.with_parts(registry.find_entry('blazepose'))
        try:
            paths = fetch(entries)
        except ModelError as error:
            if 'pip could not get' in str(error):
                pytest.skip(str(error).split('. Check')[0])
            raise
        yield {entry.name: path for entry, path in zip(entries, paths, strict=True)}


def pattern(size: int) -> np.ndarray:
    """A smooth picture, (1, size, size, 3) from 0 to 1."""
    y, x = np.mgrid[:size, :size] / size
    waves = [0.5 + 0.5 * np.sin(9 * (k + 1) * x + 7 * y * y + k) for k in range(3)]
    return np.stack(waves, -1).astype(np.float32)[None]


# What LiteRT 2.3.0 gives for `pattern`: every n-th of the first six, mean, standard deviation.
LITERT = {
    'blazepose_detector': {
        'boxes': ([-2.72974, 9.32754, -138.1115, 2.60045, -25.69831, -277.90082],
                  2.97151, 62.01017, 2e-3),
        'scores': ([-75.52702, -6.94555, -102.99515, -4.83594, -66.81435, -99.07619],
                   -51.86628, 53.98114, 1e-3)},
    'blazepose_landmark': {
        'landmarks': ([144.511, -75.08773, -2.73892, 145.68098, -5.00787, 109.11606],
                      39.94840, 73.48427, 3e-3),
        'presence': ([0.0], 0.0, 0.0, 1e-4),
        'heatmap': ([-27.25945, -3.28432, -1.81124, -19.32837, -5.50144, -8.48348],
                    -10.31432, 8.40856, 1e-3),
        'world': ([0.09511, -0.55044, -0.23307, -0.01261, 0.09159, 0.07705],
                  -0.07446, 0.20173, 1e-4)},
}


@pytest.mark.parametrize('name', list(LITERT))
def test_default_detector_agrees_with_litert(default_detector: dict[str, Path], name: str) -> None:
    image = 2 * pattern(224) - 1 if name == 'blazepose_detector' else pattern(256)
    results = open_model(name, device='cpu')({'image': image})
    assert results.keys() == LITERT[name].keys()
    for output, (values, mean, std, tolerance) in LITERT[name].items():
        got = results[output].ravel()
        np.testing.assert_allclose(got[::max(len(got) // 6, 1)][:6], values, atol=tolerance)
        np.testing.assert_allclose([got.mean(), got.std()], [mean, std], atol=tolerance)


def test_default_detector_takes_many_images(default_detector: dict[str, Path]) -> None:
    session = open_model('blazepose_landmark', device='cpu')
    images = np.concatenate([pattern(256), pattern(256)[:, ::-1], 0 * pattern(256)])
    together = session({'image': images})
    assert together['heatmap'].shape == (3, 64, 64, 39)
    for k in range(3):
        single = session({'image': images[k:k + 1]})
        np.testing.assert_allclose(together['landmarks'][k], single['landmarks'][0], atol=3e-3)
        np.testing.assert_allclose(together['world'][k], single['world'][0], atol=1e-4)


def test_default_detector_has_few_transposes(default_detector: dict[str, Path]) -> None:
    for name, most in (('blazepose_detector', 7), ('blazepose_landmark', 2)):
        model = onnx.load(default_detector[name])
        assert sum(node.op_type == 'Transpose' for node in model.graph.node) <= most
        assert not any(node.op_type == 'Pad' for node in model.graph.node)


def test_a_wrong_member_of_the_real_package_is_refused(tmp_path: Path) -> None:
    entry = registry.find_entry('blazepose_landmark')
    assert entry.fetch is not None
    wheel = tmp_path / 'mediapipe.whl'
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr(entry.fetch.member, b'something else')
    with pytest.raises(ModelError, match='is not the declared file'):
        convert_member(entry, entry.fetch, wheel)
