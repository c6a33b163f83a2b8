"""Detectors that somebody brings: what their networks say is decoded, and wrong files refused."""
from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_detectors import CROP, JOINTS, colour_bins, colour_maps, constant, declare

from ros2_occpose import cli
from ros2_occpose.config import DetectionConfig
from ros2_occpose.detection import load_detector, load_visibility
from ros2_occpose.detection.crop_keypoints import crop_frames, cut, peaks
from ros2_occpose.detection.duplicates import without_overlap
from ros2_occpose.detection.pixels import letterboxed
from ros2_occpose.errors import ConfigError, ModelError
from ros2_occpose.inference import open_model
from ros2_occpose.types import Detector

PICTURE = (320, 320)                # what box networks see; images of 640x480 at a half
HALF = 0.5
PARTS = {'boxes': 'finder', 'keypoints': 'pointer'}
DETS = {'layout': 'dets', 'channels': 'bgr', 'border': 114}
MAPS = {'layout': 'heatmaps', 'std': [255, 255, 255]}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('OCCPOSE_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


def boxes_px(count: int) -> np.ndarray:
    """Boxes of small people in an image of 640x480, (N, 4)."""
    low = np.array([[40 + 110 * k, 60 + 70 * k] for k in range(count)], float).reshape(-1, 2)
    return np.hstack([low, low + np.array([38.4, 51.2])])


def picture(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A dark image with a red, a green and a blue spot in each box; their centres (N, 3, 2)."""
    image = np.zeros((480, 640, 3), np.uint8)
    at = np.zeros((len(boxes), 3, 2))
    for row, (x, y, _, _) in enumerate(boxes.astype(int)):
        for colour, (dx, dy) in enumerate(((8, 9), (27, 20), (15, 41))):
            corner = np.array([x + dx + row, y + dy])
            image[corner[1]:corner[1] + 3, corner[0]:corner[0] + 3, 2 - colour] = 120
            image[corner[1] + 1, corner[0] + 1, 2 - colour] = 255
            at[row, colour] = corner + 1
    return image, at


def dets(boxes: np.ndarray, score: list[float] | np.ndarray, labels: list[int] | None = None,
         ) -> dict[str, np.ndarray]:
    rows = np.column_stack([boxes * HALF, score]).reshape(1, -1, 5)
    marked = {} if labels is None else {'labels': np.array([labels], np.int64)}
    return {'dets': rows, **marked}


def top_down(cache: Path, boxes: bytes, points: bytes | None = None, finder: dict | None = None,
             pointer: dict | None = None, **more: object) -> None:
    declare(cache, {
        'mine': {'kind': 'detector', 'family': 'top_down', 'parts': PARTS, **more},
        'finder': {'kind': 'part', 'file': 'finder.onnx', 'settings': finder or DETS},
        'pointer': {'kind': 'part', 'file': 'pointer.onnx', 'settings': pointer or MAPS}},
        {'finder.onnx': boxes, 'pointer.onnx': points or colour_maps()})


def mine(**config: object) -> Detector:
    return load_detector(DetectionConfig(detector='mine', **config),
                         partial(open_model, device='cpu', threads=1))


# --- geometry


def ramp() -> np.ndarray:
    """An image whose blue is twice its x, and whose green twice its y."""
    y, x = np.mgrid[:100, :125]
    return np.stack([2 * x, 2 * y, np.zeros_like(x)], -1).astype(np.uint8)


@pytest.mark.parametrize('size', [(320, 320), (416, 320), (96, 200)])
def test_a_letterboxed_image_is_scaled_from_its_corner(size):
    pixels, scale = letterboxed(ramp(), size, 114)
    assert pixels.shape == (size[1], size[0], 3)
    wide, high = round(125 * scale), round(100 * scale)
    assert wide == size[0] or high == size[1]
    assert (pixels[high:] == 114).all()
    assert (pixels[:, wide:] == 114).all()
    y, x = np.mgrid[2:high - 2, 2:wide - 2]         # pixels are squares: the middle is at + 0.5
    at = np.stack([(x + .5) / scale - .5, (y + .5) / scale - .5], -1)
    off = pixels[2:high - 2, 2:wide - 2, :2] / 2 - at
    assert np.abs(off).max() < 0.4                  # px; grey levels are whole numbers
    assert np.abs(off.mean((0, 1))).max() < 0.1


def test_a_line_of_pixels_shows_nothing():
    pixels, _ = letterboxed(np.zeros((1, 2000, 3), np.uint8), (320, 320), 114)
    assert (pixels == 114).all()


@pytest.mark.parametrize('box', [(20.3, 25.8, 45.1, 85.4), (30.0, 40.0, 85.5, 55.2)])
def test_a_crop_shows_where_its_frame_says(box):
    (frame,) = crop_frames(np.array([box]), CROP, 1.25)
    pixels = cut(ramp(), frame, CROP).astype(float)
    scale, corner = frame[0], frame[1:]
    y, x = np.mgrid[:CROP[1], :CROP[0]]
    at = np.stack([x, y], -1) * scale + corner                              # px of the image
    inside = ((at > 1) & (at < (123, 98))).all(-1)
    off = (pixels[..., :2] / 2 - at)[inside]
    assert np.abs(off).max() < 0.4                  # px; grey levels are whole numbers
    assert np.abs(off.mean(0)).max() < 0.1
    np.testing.assert_allclose(corner + scale * np.array(CROP) / 2,
                               [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    assert max((box[2] - box[0]) / CROP[0], (box[3] - box[1]) / CROP[1]) * 1.25 == \
        pytest.approx(scale)


def test_peaks_move_a_quarter_to_the_higher_neighbour():
    maps = np.zeros((2, 6, 5))
    maps[0, 2, 3], maps[0, 2, 4], maps[0, 1, 3] = 1.0, 0.5, 0.2
    maps[1, 5, 0] = 0.7
    at, scores = peaks(maps)
    assert at[0] == pytest.approx((3.25, 1.75))
    assert np.abs(at[1] - (0, 5)).max() <= 0.25
    assert scores == pytest.approx((1.0, 0.7))


def test_of_boxes_that_overlap_the_best_stays():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 0, 10, 9]], float)
    assert without_overlap(boxes, np.array([.5, .9, .6, .4]), 0.5).tolist() == [1, 2]
    assert without_overlap(boxes, np.array([.5, .9, .6, .4]), 0.85).tolist() == [1, 2, 0]
    assert without_overlap(boxes[:0], np.zeros(0), 0.5).tolist() == []


# --- boxes, then crops


@pytest.mark.parametrize(('points', 'settings'), [
    (colour_maps(), MAPS), (colour_maps(batch=1), MAPS), (colour_maps(batch=4), MAPS),
    (colour_bins(), {'layout': 'simcc', 'std': [255, 255, 255]})],
    ids=['heatmaps', 'one at a time', 'four at a time', 'simcc'])
@pytest.mark.parametrize('count', [0, 1, 5])
def test_joints_come_back_to_the_pixels_of_the_image(cache, points, settings, count):
    boxes = boxes_px(count)
    image, at = picture(boxes)
    score = np.linspace(0.9, 0.6, count)
    top_down(cache, constant(PICTURE, dets(boxes, score)), points, pointer=settings)
    found = mine()(image)
    assert len(found) == count
    np.testing.assert_allclose(found.boxes_px, boxes, atol=1e-4)
    np.testing.assert_allclose(found.score, score, atol=1e-6)
    for colour in range(3):
        off = found.keypoints_px[:, colour::3] - at[:, colour, None]
        assert np.abs(off).max(initial=0) < 0.75                # px; a cell is 2 px
    assert ((found.scores > 0.3) & (found.scores <= 1)).all()


def test_people_are_the_best_that_are_asked_for(cache):
    boxes = boxes_px(5)
    top_down(cache, constant(PICTURE, dets(boxes, [.2, .9, .7, .95, .55], [0, 0, 0, 1, 0])))
    image, _ = picture(boxes)
    np.testing.assert_allclose(mine()(image).boxes_px, boxes[[1, 2, 4]], atol=1e-4)
    np.testing.assert_allclose(mine(max_people=2)(image).boxes_px, boxes[[1, 2]], atol=1e-4)
    detect = mine(min_score=0.1)
    assert len(detect(image)) == 4
    detect.adjust(DetectionConfig(detector='mine', min_score=0.6))
    assert len(detect(image)) == 2
    detect.reset()
    assert len(detect(image)) == 2


def test_half_makes_the_odds_even(cache):
    top_down(cache, constant(PICTURE, dets(boxes_px(3), [.3, .2, 1.])),
             finder={**DETS, 'half': 0.3})
    image, _ = picture(boxes_px(3))
    np.testing.assert_allclose(mine(min_score=0)(image).score,
                               [1, 0.5, (.2 * .7) / (.2 * .7 + .8 * .3)], atol=1e-6)


def test_boxes_without_joints_are_doubted(cache):
    boxes = boxes_px(3)
    image, _ = picture(boxes[1:])                               # nothing in the first
    top_down(cache, constant(PICTURE, dets(boxes, [.9, .6, .8])))
    assert len(mine()(image)) == 3
    top_down(cache, constant(PICTURE, dets(boxes, [.9, .6, .8])), pointer={**MAPS, 'sure': 0.9})
    found = mine(min_score=0.1)(image)
    np.testing.assert_allclose(found.boxes_px, boxes[[2, 1]], atol=1e-4)
    np.testing.assert_allclose(found.score, [.8, .6] * found.scores.mean(1) / 0.9, atol=1e-6)
    assert len(mine(min_score=0.6)(image)) == 0


def test_what_is_outside_of_the_image_is_not_seen(cache):
    boxes = np.array([[-20, 100, 30, 160], [700, 100, 760, 180], [100, 50, 100, 90.]])
    top_down(cache, constant(PICTURE, dets(boxes, [.9, .8, .7])))
    image = np.full((480, 640, 3), 0, np.uint8)                # all cells alike: the first wins
    found = mine()(image)
    np.testing.assert_allclose(found.boxes_px, [[0, 100, 30, 160]])
    assert (found.keypoints_px[:, :, 0] < 0).all()
    assert (found.scores == 0).all()


def test_the_raw_head_of_yolox_is_decoded(cache):
    cells = (320 // 8) ** 2 + (320 // 16) ** 2 + (320 // 32) ** 2
    rows = np.zeros((1, cells, 7))
    at = (320 // 8) ** 2 + 3 * 20 + 5               # row 3, column 5 of the grid of 16 px
    rows[0, at] = [.25, .5, np.log(4), np.log(8), .9, .8, .1]
    rows[0, at + 1] = [-.7, .5, np.log(4), np.log(8), .9, .7, .1]       # the same person
    rows[0, 10 * 40 + 30] = [.5, .5, np.log(2), np.log(3), .8, .1, .9]      # of another class
    top_down(cache, constant(PICTURE, {'output': rows}), finder={**DETS, 'layout': 'yolox'})
    found = mine(min_score=0.5)(np.zeros((480, 640, 3), np.uint8))
    x, y, wide, high = 5.25 * 16, 3.5 * 16, 4 * 16, 8 * 16
    np.testing.assert_allclose(found.boxes_px, 2 * np.array(
        [[x - wide / 2, max(y - high / 2, 0), x + wide / 2, y + high / 2]]), atol=1e-4)
    assert found.score == pytest.approx([.72])
    top_down(cache, constant(PICTURE, {'output': rows}),
             finder={**DETS, 'layout': 'yolox', 'person': 1})
    assert mine(min_score=0.5)(np.zeros((480, 640, 3), np.uint8)).score == pytest.approx([.72])


def test_joints_of_another_set_become_those_of_coco(cache):
    boxes = boxes_px(1)
    image, _ = picture(boxes)
    top_down(cache, constant(PICTURE, dets(boxes, [.9])), colour_maps(joints=26),
             skeleton='halpe26')
    assert mine()(image).keypoints_px.shape == (1, 17, 2)


# --- all in one


def one_shot(cache: Path, columns: np.ndarray, **settings: object) -> None:
    declare(cache, {'mine': {'kind': 'detector', 'family': 'one_shot', 'file': 'mine.onnx',
                             'settings': {'layout': 'yolo_pose', **settings}}},
            {'mine.onnx': constant(PICTURE, {'output0': columns})})


def yolo_columns(boxes: np.ndarray, score: list[float], seed: int, cells: int = 40,
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Output (1, 56, cells) for people with these boxes, and their joints (N, 17, 3)."""
    rng = np.random.default_rng(seed)
    columns = rng.uniform(0, 0.2, (1, 56, cells))
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    joints = np.concatenate([rng.uniform(low, high, (len(boxes), JOINTS, 2)),
                             rng.uniform(0, 1, (len(boxes), JOINTS, 1))], -1)
    for row, box in enumerate(boxes * HALF):
        scaled = joints[row] * (HALF, HALF, 1)
        columns[0, :, 3 + 7 * row] = [*(box[:2] + box[2:]) / 2, *(box[2:] - box[:2]), score[row],
                                      *scaled.reshape(-1)]
    return columns, joints


@pytest.mark.parametrize('count', [0, 1, 5])
def test_everybody_at_once(cache, count):
    boxes = boxes_px(count)
    score = [.6, .9, .7, .95, .8][:count]
    columns, joints = yolo_columns(boxes, score, seed=count)
    one_shot(cache, columns)
    found = mine()(np.zeros((480, 640, 3), np.uint8))
    order = np.argsort(-np.array(score))
    np.testing.assert_allclose(found.score, np.array(score)[order], atol=1e-6)
    np.testing.assert_allclose(found.boxes_px, boxes[order], atol=1e-3)
    np.testing.assert_allclose(found.keypoints_px, joints[order, :, :2], atol=1e-3)
    np.testing.assert_allclose(found.scores, joints[order, :, 2], atol=1e-6)


def test_one_person_in_several_cells_is_one(cache):
    boxes = np.repeat(boxes_px(2), 2, axis=0)
    boxes[1::2] += 4
    columns, joints = yolo_columns(boxes, [.7, .9, .8, .6], seed=1)
    image = np.zeros((480, 640, 3), np.uint8)
    one_shot(cache, columns)
    np.testing.assert_allclose(mine()(image).keypoints_px, joints[[1, 2], :, :2], atol=1e-3)
    one_shot(cache, columns, overlap=0.95)
    assert len(mine()(image)) == 4
    assert len(mine(min_score=0.75)(image)) == 2


# --- what is wrong is said


@pytest.mark.parametrize(('change', 'said'), [
    ({'finder': {**DETS, 'boxes': 'bbox'}},
     r'finder.onnx of finder gives dets \(1, 1, 5\).*the layout dets expects bbox \(1, n, 5\)'),
    ({'finder': {**DETS, 'layout': 'yolox', 'rows': 'dets'}},
     r'the layout yolox expects dets \(1, 2100, 6 or more\)'),
    ({'finder': {**DETS, 'layout': 'ssd'}}, "finder expects a layout of dets, yolox .* got 'ssd'"),
    ({'finder': {**DETS, 'means': [0, 0, 0]}}, "finder has the setting 'means'; expected some of"),
    ({'finder': {**DETS, 'mean': [0, 0]}}, 'expects the setting mean to be like .* got'),
    ({'finder': {**DETS, 'mean': [0, 0, 'x']}}, 'expects the setting mean to be like .* got'),
    ({'finder': {**DETS, 'boxes': 3}}, "expects the setting boxes to be like 'dets', got 3"),
    ({'finder': {**DETS, 'border': 'grey'}}, "expects the setting border to be like 0, got 'gr"),
    ({'finder': {**DETS, 'person': 0.5}}, 'expects the setting person to be like 0, got 0.5'),
    ({'finder': {**DETS, 'half': 1}}, 'finder expects a half between 0 and 1, got 1'),
    ({'finder': {**DETS, 'channels': 'rgba'}}, "finder expects channels of rgb or bgr .*'rgba'"),
    ({'finder': {**DETS, 'std': [1, 0, 1]}}, 'a positive std, got'),
    ({'points': colour_maps(joints=26)},
     r'gives heatmaps \(1, 26, 32, 24\); .* expects heatmaps \(1, 17, h, w\)'),
    ({'pointer': {'layout': 'simcc'}}, r'expects simcc_x and simcc_y \(1, 17, bins\)'),
    ({'parts': {'boxes': 'finder'}}, 'expects the parts boxes and keypoints, got boxes'),
    ({'skeleton': 'coco18'}, "'coco18'"),
    ({'family': 'bottom_up'}, "family 'bottom_up'; expected blazepose, top_down or one_shot"),
])
def test_what_does_not_fit_is_named(cache, change, said):
    top_down(cache, constant(PICTURE, dets(boxes_px(1), [.9])), **change)
    with pytest.raises((ModelError, ConfigError), match=said):
        mine()


def test_other_inputs_are_refused(cache):
    top_down(cache, b'', finder=DETS)
    (cache / 'finder.onnx').unlink()
    with pytest.raises(ModelError, match=r'finder.onnx of model finder is missing; put it into '):
        mine()
    top_down(cache, b'no network')
    with pytest.raises(ModelError, match=r'finder.onnx cannot be loaded'):
        mine()
    boxes, points = constant(PICTURE, dets(boxes_px(1), [.9])), colour_maps()
    top_down(cache, boxes, points)
    text = (cache / 'models.yaml').read_text()
    (cache / 'models.yaml').write_text(text.replace(
        'file: finder.onnx', 'file: finder.onnx\n  inputs: {input: [1, 3, 640, 640]}'))
    with pytest.raises(ModelError, match=r'takes .*320, 320.* declares .*640, 640'):
        mine()


def test_one_shot_files_that_do_not_fit_are_named(cache):
    one_shot(cache, np.zeros((1, 5, 40)))
    with pytest.raises(ModelError, match=r'gives output0 \(1, 5, 40\); the layout yolo_pose '
                                         r'expects output0 \(1, 56 or more, cells\) for coco17'):
        mine()


# --- who is known, and what doubt does


def test_an_unknown_detector_is_an_error_that_names_the_known(cache):
    one_shot(cache, np.zeros((1, 56, 40)))
    with pytest.raises(ConfigError, match=r"Unknown detector 'nobody'; expected blazepose, mine, "
                                          r'or an entry of your own in .*models\.yaml'):
        load_detector(DetectionConfig(detector='nobody'), lambda name: open_model(name))


@pytest.mark.parametrize('doubt', [0.3, 0.6])
def test_the_doubt_of_an_entry_reaches_the_judge(cache, doubt):
    top_down(cache, constant(PICTURE, dets(boxes_px(1), [.9])), doubt=doubt)
    even = np.log(doubt / (1 - doubt)) - np.log(0.3 / 0.7)
    judge = load_visibility(DetectionConfig(detector='mine'))
    assert judge._offset == pytest.approx(even)


def test_a_command_takes_a_detector_of_ones_own(cache, tmp_path):
    boxes = boxes_px(2)
    image, at = picture(boxes)
    top_down(cache, constant(PICTURE, dets(boxes, [.9, .8])))
    (tmp_path / 'images').mkdir()
    for number in range(6):
        cv2.imwrite(str(tmp_path / 'images' / f'{number:03}.png'), image)
    assert cli.main(['run', str(tmp_path / 'images'), '--output', str(tmp_path / 'out'),
                     '--hfov', '60', '--device', 'cpu', '--detector', 'mine']) == 0
    lines = (tmp_path / 'out' / 'poses.jsonl').read_text().splitlines()
    humans = json.loads(lines[-1])['humans']
    assert len(lines) == 6
    assert len(humans) == 2
    for human, spots in zip(humans, at, strict=True):
        off = np.array(human['keypoints'])[::3, :2] - spots[0]
        assert np.abs(off).max() < 1.5              # px, after tracking
