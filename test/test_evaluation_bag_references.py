"""Reference skeletons from TRC, CSV, JSON lines, NPZ and topics, in any unit and joint set."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from scene import crossing, static
from test_recording_sources import BagMaker, message_of
from truth import humans_of_moment
from walker import Walker, walk

from ros2_occpose.errors import DataError, InputError
from ros2_occpose.evaluation.bag.answers import read_answers
from ros2_occpose.evaluation.bag.markers import joint_named
from ros2_occpose.evaluation.bag.references import read_reference, read_truth
from ros2_occpose.evaluation.bag.skeletons import Reference
from ros2_occpose.recording.messages import human_array
from ros2_occpose.recording.poses_jsonl import PosesJsonl
from ros2_occpose.recording.typestore import make
from ros2_occpose.skeleton import COCO17, H36M17
from ros2_occpose.types import Floats, JointState, TrackState

FPS, FRAMES = 50.0, 12
TIMES = np.arange(FRAMES) / FPS
H36M, COCO = walk(Walker([(0, 0, 0), (4, 4, 1)]), TIMES)          # (T, 17, 3) each
# as OpenSim and Pose2Sim call them
LABELS = {'Hip': 'hip', 'RHip': 'right_hip', 'RKnee': 'right_knee', 'RAnkle': 'right_ankle',
          'LHip': 'left_hip', 'LKnee': 'left_knee', 'LAnkle': 'left_ankle', 'Neck': 'thorax',
          'Head': 'head', 'Nose': 'nose', 'RShoulder': 'right_shoulder', 'LElbow': 'left_elbow',
          'RBigToe': 'right_ankle'}
GIVEN = [name for name in H36M17.joints if name in LABELS.values()]


def trc(path: Path, points: Floats, labels: list[str], unit: str = 'mm') -> Path:
    """(T, L, 3) in the unit of the file; NaN becomes an empty cell."""
    lines = [f'PathFileType\t4\t(X/Y/Z)\t{path.name}',
             'DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate',
             f'{FPS}\t{FPS}\t{len(points)}\t{len(labels)}\t{unit}\t{FPS}',
             'Frame#\tTime\t' + '\t\t\t'.join(labels) + '\t\t',
             '\t\t' + '\t'.join(f'{a}{i + 1}' for i in range(len(labels)) for a in 'XYZ'), '']
    for t, row in enumerate(points):
        cells = ['' if np.isnan(x) else f'{x:.6f}' for x in row.ravel()]
        lines.append('\t'.join([str(t + 1), f'{TIMES[t]:.5f}', *cells]))
    path.write_text('\n'.join(lines) + '\n')
    return path


def labelled(labels: dict[str, str] = LABELS) -> Floats:
    """(T, L, 3) [m]."""
    return H36M[:, H36M17.indices(*labels.values())]


def check(reference: Reference, given: list[str] = GIVEN, tolerance: float = 1e-5) -> None:
    """The walker came back."""
    assert list(reference.compared) == given
    rows = H36M17.indices(*given)
    np.testing.assert_allclose(reference.joints[:, 0, rows], H36M[:, rows], atol=tolerance)


@pytest.mark.parametrize(('label', 'joint'), [
    ('RKnee', 'right_knee'), ('right_knee', 'right_knee'), ('Knee R', 'right_knee'),
    ('KNEE_R', 'right_knee'), ('rightKnee', 'right_knee'), ('R.Knee', 'right_knee'),
    ('LKNE', 'lkne'), ('rknee', 'right_knee'), ('Neck', 'neck'), ('CHip', 'hip'),
    ('MidHip', 'hip'), ('LeftHip', 'left_hip'), ('lwrist', 'left_wrist'), ('Root', 'hip'),
    ('LBigToe', 'left_big_toe')])
def test_names_of_joints(label: str, joint: str) -> None:
    assert joint_named(label) == joint


@pytest.mark.parametrize(('unit', 'factor'), [('mm', 1e3), ('m', 1.0), ('cm', 1e2)])
def test_a_trc_file(unit: str, factor: float, tmp_path: Path) -> None:
    path = trc(tmp_path / 'anna.trc', factor * labelled(), list(LABELS), unit)
    reference = read_reference([path])
    check(reference)
    assert reference.people == ('anna',)
    assert reference.stamps_ns.tolist() == [round(t * 1e9) for t in TIMES]
    assert reference.states is None
    assert reference.frame_id is None
    assert reference.notes == []


def test_gaps_in_a_trc_file_are_nan(tmp_path: Path) -> None:
    points = labelled()
    points[3:5, list(LABELS).index('RKnee')] = np.nan
    reference = read_reference([trc(tmp_path / 'a.trc', points, list(LABELS), 'm')])
    lost = ~np.isfinite(reference.joints[:, 0, H36M17.index('right_knee'), 0])
    assert np.flatnonzero(lost).tolist() == [3, 4]


def test_several_files_of_one_person_each(tmp_path: Path) -> None:
    aside = np.array([0, 2, 0])
    paths = [trc(tmp_path / f'{name}.trc', labelled() + offset, list(LABELS), 'm')
             for name, offset in (('anna', 0 * aside), ('ben', aside))]
    reference = read_reference(paths)
    check(reference)
    assert reference.people == ('anna', 'ben')
    np.testing.assert_allclose(reference.joints[:, 1, 0] - reference.joints[:, 0, 0],
                               np.tile([0, 2, 0], (FRAMES, 1)), atol=1e-5)


def test_several_people_in_one_file(tmp_path: Path) -> None:
    labels = [f'{person}:{label}' for person in ('anna', 'ben') for label in LABELS]
    points = np.concatenate([labelled(), labelled() + np.array([0, 2, 0])], 1)
    reference = read_reference([trc(tmp_path / 'both.trc', points, labels, 'm')])
    assert reference.people == ('anna', 'ben')
    check(reference)


def csv_file(path: Path, rows: list[str], points: Floats, time: bool) -> Path:
    for t, row in enumerate(points):
        cells = [f'{x:.6f}' for x in row.ravel()]
        rows.append(','.join([f'{TIMES[t]:.4f}', *cells] if time else [str(t), *cells]))
    path.write_text('\n'.join(rows) + '\n')
    return path


@pytest.mark.parametrize('form', ['{}_X', '{}:x', '{} Y', '{}.Z', '{}[X]'])
def test_a_csv_file_with_one_row_of_names(form: str, tmp_path: Path) -> None:
    stem, letter = form.rstrip('xXYZ]'), form.rstrip(']')[-1]
    axes = 'xyz' if letter.islower() else 'XYZ'
    names = [(stem + axis + (']' if ']' in form else '')).format(label)
             for label in LABELS for axis in axes]
    path = csv_file(tmp_path / 'a.csv', [','.join(['time', *names])], 1e3 * labelled(), True)
    reference = read_reference([path])
    check(reference)
    assert 'taken for mm' in reference.notes[0]


def test_a_csv_file_with_two_rows_of_names_and_no_times(tmp_path: Path) -> None:
    head = [','.join(['', *(f'{label},,' for label in LABELS)]),
            ','.join(['Frame', *('X,Y,Z' for _ in LABELS)])]
    path = csv_file(tmp_path / 'a.csv', head, labelled(), False)
    with pytest.raises(DataError, match='give --reference-fps HZ'):
        read_reference([path])
    reference = read_reference([path], fps=FPS)
    check(reference)
    assert reference.stamps_ns.tolist() == [round(t * 1e9) for t in TIMES]


def test_a_unit_that_nobody_can_guess(tmp_path: Path) -> None:
    names = [f'{label}_{axis}' for label in LABELS for axis in 'XYZ']
    path = csv_file(tmp_path / 'a.csv', [','.join(['time', *names])], 9.0 * labelled(), True)
    with pytest.raises(DataError, match='give --reference-unit m, cm or mm'):
        read_reference([path])
    reference = read_reference([path], unit='m')
    np.testing.assert_allclose(reference.joints[:, 0, 0], 9 * H36M[:, 0], atol=1e-5)


@pytest.mark.parametrize('stamped', [True, False])
def test_an_npz_of_coco17_has_no_top_of_the_head(stamped: bool, tmp_path: Path) -> None:
    path = tmp_path / 'a.npz'
    stamps = {'stamps_ns': np.round(TIMES * 1e9).astype(np.int64)} if stamped else {'fps': FPS}
    both = np.stack([COCO, COCO + np.array([0, 3, 0])], 1)
    np.savez(path, joints_world=both, skeleton='coco17', **stamps)
    reference = read_reference([path])
    assert reference.people == ('0', '1')
    assert set(H36M17.joints) - set(reference.compared) == {'head'}
    assert reference.stamps_ns.tolist() == [round(t * 1e9) for t in TIMES]
    hips = COCO[:, COCO17.indices('left_hip', 'right_hip')].mean(1)
    np.testing.assert_allclose(reference.joints[:, 0, 0], hips, atol=1e-12)


def test_a_joint_of_hidden_parts_is_hidden(tmp_path: Path) -> None:
    states = np.zeros((FRAMES, 17), int)
    states[2, COCO17.index('left_hip')] = JointState.OUT_OF_VIEW
    path = tmp_path / 'a.npz'
    np.savez(path, joints=COCO, skeleton='coco17', fps=FPS, joint_states=states, frame_id='map')
    reference = read_reference([path])
    found = reference.states
    assert reference.frame_id == 'map'
    assert found is not None
    assert found[2, 0, H36M17.index('hip')] == JointState.OUT_OF_VIEW
    assert found[2, 0, H36M17.index('left_hip')] == JointState.OUT_OF_VIEW
    assert (found[1] == JointState.OBSERVED).all()
    assert found[2, 0, H36M17.index('right_hip')] == JointState.OBSERVED


# --- what our own programs write ---------------------------------------------------------------

SCENE = crossing(gap=1.0, camera_path=static(), fps=10)


def test_poses_jsonl_as_reference_and_as_answers(tmp_path: Path) -> None:
    with PosesJsonl(tmp_path / 'poses.jsonl') as file:
        for moment in SCENE:
            file.write(humans_of_moment(moment))
    reference = read_reference([tmp_path / 'poses.jsonl'])
    np.testing.assert_array_equal(reference.stamps_ns, SCENE.stamps_ns)
    np.testing.assert_allclose(reference.joints, SCENE.joints_world, atol=1e-4)
    assert reference.states is not None
    seen = (reference.states == JointState.OBSERVED).all(-1)
    np.testing.assert_array_equal(seen, SCENE.visible_h36m.all(-1))
    assert (reference.people, reference.frame_id) == (('1', '2'), 'map')
    said, frame_id, upright = read_answers(tmp_path / 'poses.jsonl')
    assert (frame_id, upright, len(said)) == ('map', True, len(SCENE))
    np.testing.assert_allclose(said[3].joints, SCENE.joints_world[3], atol=1e-4)
    assert said[3].ids.tolist() == [1, 2]


def test_lost_and_tentative_people_are_left_out(tmp_path: Path) -> None:
    humans = humans_of_moment(SCENE.moment(0))
    humans.states[:] = TrackState.TENTATIVE, TrackState.OCCLUDED
    with PosesJsonl(tmp_path / 'poses.jsonl') as file:
        file.write(humans)
    assert read_reference([tmp_path / 'poses.jsonl']).people == ('2',)
    said, _, _ = read_answers(tmp_path / 'poses.jsonl')
    assert said[0].ids.tolist() == [2]


@pytest.mark.parametrize('storage', StoragePlugin)
def test_truth_from_a_topic(storage: StoragePlugin, tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag', storage)
    for moment in SCENE:
        for topic in ('/synth/truth', '/occpose/humans'):
            bag.add(topic, moment.frame.stamp_ns, human_array(make, humans_of_moment(moment)))
    path = bag.write()
    reference = read_truth(path)
    np.testing.assert_allclose(reference.joints, SCENE.joints_world, atol=1e-9)
    assert (reference.frame_id, reference.kind) == ('map', 'topic /synth/truth')
    assert read_truth(path, '/occpose/humans').kind == 'topic /occpose/humans'
    with pytest.raises(InputError, match=r'one topic /up .* got /occpose/humans, /synth/'):
        read_truth(path, '/up')


def test_a_bag_without_truth(tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag')
    bag.add('/cam/image', 1, message_of('raw', 0, 1))
    with pytest.raises(InputError, match='got none of this type; choose with --reference-topic'):
        read_truth(bag.write())


# --- what cannot be read ------------------------------------------------------------------------

def _write(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name
    return write


def _npz(**arrays: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / 'a.npz', **arrays)
        return folder / 'a.npz'
    return write


@pytest.mark.parametrize(('make_file', 'message'), [
    (lambda f: f / 'no.trc', r'Expected truth, or a file .* got .*no\.trc, which does not exist'),
    (_write('a.bvh', 'x'), r"ends in \.trc, \.csv, \.jsonl, \.npz, got '\.bvh'"),
    (_write('a.trc', 'hello'), 'Expected a TRC file in'),
    (_write('a.trc', 'a\nUnits\tDataRate\nfeet\t60\nF\tT\tHip\nX\n\n1\t0\t1\t1\t1\n'), "'feet'"),
    (lambda f: trc(f / 'a.trc', labelled()[:, :2], ['M1', 'M2']), 'labels such as RKnee .* M1'),
    (lambda f: trc(f / 'a.trc', labelled()[:, 2:4], ['RKnee', 'RAnkle']), 'both hips .* right_kn'),
    (_write('a.csv', 'time,b\n1,2\n1,2\n'), 'columns such as LKnee_X'),
    (_write('a.csv', 'RHip_X,RHip_Y,RHip_Z\n1,2,x\n1,2,3\n'), "could not convert .* 'x'"),
    (_write('a.csv', 'only'), 'got 1 rows'),
    (_write('a.jsonl', '{"stamp_ns": 1}\n{"stamp_ns": 2}\n'), r'as in poses\.jsonl'),
    (_write('a.jsonl', json.dumps({'stamp_ns': 1, 'frame_id': 'map', 'humans': []}) + '\n'),
     'without one position'),
    (_write('a.npz', 'no zip'), 'Cannot read the reference'),
    (_npz(other=np.zeros(3)), 'Expected one of joints_world, joints'),
    (_npz(joints=np.zeros((4, 12, 3))), r'Expected joints \(T, P, 17, 3\) of h36m17'),
    (_npz(joints=H36M, skeleton='ours'), "Unknown skeleton 'ours'"),
    (_npz(joints=H36M), 'give --reference-fps'),
    (_npz(joints=H36M, stamps_ns=np.zeros(FRAMES, int)), 'Expected rising times'),
])
def test_bad_references_are_refused(make_file: Callable[[Path], Path], message: str,
                                    tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_reference([make_file(tmp_path)])


def test_files_of_different_frames_are_not_one_reference(tmp_path: Path) -> None:
    paths = [trc(tmp_path / 'a.trc', labelled(), list(LABELS), 'm'),
             trc(tmp_path / 'b.trc', labelled()[:5], list(LABELS), 'm')]
    with pytest.raises(DataError, match=r'Expected b\.trc to have the frames of a\.trc'):
        read_reference(paths)
