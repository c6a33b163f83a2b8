"""Reader of CMU's own motion capture files, on tiny ones in the layout that CMU publishes."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ros2_occpose.errors import DataError
from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.mocap.asf_amc import rate_of, read_asf_amc, skeleton_of
from ros2_occpose.training.mocap.kinematics import BODY
from ros2_occpose.training.mocap.motion import load_motions

HEAD = """# AST/ASF file generated using VICON BodyLanguage
:version 1.10
:name VICON
:units
  mass 1.0
  length 0.45
  angle deg
:documentation
   .ast/.asf automatically generated from VICON data
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
"""
ASF = HEAD + """  begin
     id 1
     name lhipjoint
     direction 1 0 0
     length 4.5
     axis 0 0 0  XYZ
  end
  begin
     id 2
     name lfemur
     direction 0 -1 0
     length 9
     axis 0 0 90  XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 3
     name ltibia
     direction 0 -1 0
     length 4.5
     axis 0 0 0  XYZ
    dof rx
    limits (-10.0 170.0)
  end
:hierarchy
  begin
    root lhipjoint
    lhipjoint lfemur
    lfemur ltibia
  end
"""
AMC = """#!OML:ASF F:\\VICON\\USERDATA\\tiny.ASF
:FULLY-SPECIFIED
:DEGREES
1
root 0 0 0 0 0 0
lfemur 0 0 0
ltibia 0
2
root 9 18 0 0 0 90
lfemur 90 0 0
ltibia 90
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An .amc and its .asf."""
    amc, asf = tmp_path / 'tiny_01.amc', tmp_path / 'tiny.asf'
    amc.write_text(AMC)
    asf.write_text(ASF)
    return amc, asf


def test_bones_are_where_one_computes_them_by_hand(files: tuple[Path, Path]) -> None:
    ends, turns = read_asf_amc(*files)
    # 4.5 units are 0.254 m. At rest: aside, and down.
    np.testing.assert_allclose(ends['lhipjoint'][0], [0.254, 0, 0], atol=1e-9)
    np.testing.assert_allclose(ends['lfemur'][0], [0.254, -0.508, 0], atol=1e-9)
    np.testing.assert_allclose(ends['ltibia'][0], [0.254, -0.762, 0], atol=1e-9)
    # The root turns by 90 degrees about z: aside is up, down is aside.
    np.testing.assert_allclose(ends['root'][1], [0.508, 1.016, 0], atol=1e-9)
    np.testing.assert_allclose(ends['lhipjoint'][1], [0.508, 1.27, 0], atol=1e-9)
    # The femur's x is the root's y, along the bone: it turns, but does not move.
    np.testing.assert_allclose(ends['lfemur'][1], [1.016, 1.27, 0], atol=1e-9)
    # Rx takes the tibia from -y to -z, the femur's turn about y on to -x, the root's to -y.
    np.testing.assert_allclose(ends['ltibia'][1], [1.016, 1.016, 0], atol=1e-9)
    np.testing.assert_allclose(turns['lfemur'][1] @ [0, 0, 1], [0, 1, 0], atol=1e-9)


def test_angles_turn_in_the_order_of_their_listing(files: tuple[Path, Path]) -> None:
    amc, asf = files
    asf.write_text(ASF.replace('axis 0 0 90', 'axis 0 0 0'))
    amc.write_text(AMC.replace('lfemur 90 0 0', 'lfemur 90 90 0').replace('0 0 90\n', '0 0 0\n'))
    ends, _ = read_asf_amc(amc, asf)
    # about x first: -y to -z, then about y: -z to -x
    np.testing.assert_allclose((ends['lfemur'] - ends['lhipjoint'])[1], [-0.508, 0, 0], atol=1e-9)


def test_axes_and_angles_may_be_in_radians(files: tuple[Path, Path]) -> None:
    amc, asf = files
    wanted, _ = read_asf_amc(amc, asf)
    quarter = str(np.pi / 2)
    asf.write_text(ASF.replace('angle deg', 'angle rad').replace('0 0 90  X', f'0 0 {quarter}  X'))
    amc.write_text(AMC.replace('DEGREES', 'RADIANS').replace('90', quarter))
    ends, _ = read_asf_amc(amc, asf)
    for bone, at in wanted.items():
        np.testing.assert_allclose(ends[bone], at, atol=1e-9)


@pytest.mark.parametrize(('asf_text', 'amc_text', 'message'), [
    (ASF.replace(':bonedata', ':bones'), AMC, 'is it an ASF file'),
    (ASF.replace('lfemur ltibia\n', 'lfoot ltibia\n'), AMC, 'no parent before'),
    (ASF.replace('dof rx\n', 'dof rx l\n'), AMC, 'moves in l'),
    (ASF.replace('direction 1 0 0', 'direction one'), AMC, 'is it an ASF file'),
    (ASF, AMC.replace('ltibia', 'rtibia'), 'Expected the bones of .* got rtibia'),
    (ASF, AMC.replace('ltibia 90', 'ltibia 90 1'), 'Expected 1 numbers for ltibia'),
    (ASF, AMC.replace('ltibia 90\n', ''), 'Expected 1 numbers for ltibia in each of 2 frames'),
    (ASF, AMC.replace('lfemur 90', 'lfemur ninety'), 'Expected 3 numbers for lfemur'),
    (ASF, ':DEGREES\n', 'is it an AMC file')])
def test_damaged_files_are_refused(files: tuple[Path, Path], asf_text: str, amc_text: str,
                                   message: str) -> None:
    amc, asf = files
    asf.write_text(asf_text)
    amc.write_text(amc_text)
    with pytest.raises(DataError, match=message):
        read_asf_amc(amc, asf)
    with pytest.raises(DataError, match='Cannot read'):
        read_asf_amc(amc, asf.with_name('missing.asf'))


def test_the_skeleton_and_the_rate_are_those_of_the_folder(files: tuple[Path, Path]) -> None:
    amc, asf = files
    assert skeleton_of(amc) == asf
    assert rate_of(amc) == 120
    (amc.parent / 'fps.txt').write_text('60\n')
    assert rate_of(amc) == 60
    (amc.parent / 'other.asf').write_text(ASF)
    assert skeleton_of(amc) == asf
    asf.unlink()
    (amc.parent / 'third.asf').write_text(ASF)
    with pytest.raises(DataError, match=r'found other\.asf, third\.asf'):
        skeleton_of(amc)
    (amc.parent / 'fps.txt').write_text('fast')
    with pytest.raises(DataError, match='Expected the frames a second'):
        rate_of(amc)


# name, parent, direction x length, axis, degrees of freedom: CMU's skeleton, rounded
CMU = [
    ('lowerback', 'root', (0, 2.05, -0.14), '0 0 0', 'rx ry rz'),
    ('upperback', 'lowerback', (0, 2.06, -0.06), '0 0 0', 'rx ry rz'),
    ('thorax', 'upperback', (0, 2.06, 0), '0 0 0', 'rx ry rz'),
    ('lowerneck', 'thorax', (0, 1.57, 0.15), '0 0 0', 'rx ry rz'),
    ('upperneck', 'lowerneck', (0, 1.56, -0.1), '0 0 0', 'rx ry rz'),
    ('head', 'upperneck', (0, 1.63, -0.05), '0 0 0', 'rx ry rz'),
]
for _side, _sign in (('l', 1), ('r', -1)):
    _arm = f'180 {-30 * _sign} {-90 * _sign}'
    CMU += [
        (f'{_side}hipjoint', 'root', (1.65 * _sign, -1.8, 0.62), '0 0 0', ''),
        (f'{_side}femur', f'{_side}hipjoint', (2.6 * _sign, -7.13, 0), f'0 0 {20 * _sign}',
         'rx ry rz'),
        (f'{_side}tibia', f'{_side}femur', (2.5 * _sign, -6.85, 0), f'0 0 {20 * _sign}', 'rx'),
        (f'{_side}foot', f'{_side}tibia', (0.2 * _sign, -0.54, 2.14), f'-90 0 {20 * _sign}',
         'rx rz'),
        (f'{_side}toes', f'{_side}foot', (0, 0, 1.11), f'-90 0 {20 * _sign}', 'rx'),
        (f'{_side}clavicle', 'thorax', (3.54 * _sign, 0.9, -0.17), '0 0 0', 'ry rz'),
        (f'{_side}humerus', f'{_side}clavicle', (4.87 * _sign, 0, 0), _arm, 'rx ry rz'),
        (f'{_side}radius', f'{_side}humerus', (3.36 * _sign, 0, 0), _arm, 'rx'),
        (f'{_side}wrist', f'{_side}radius', (1.7 * _sign, 0, 0), _arm, 'ry'),
    ]


def write_walk(folder: Path, name: str, frames: int) -> None:
    """A .asf and a .amc of somebody who strides along z with bent knees and elbows."""
    folder.mkdir(parents=True)
    text, children = HEAD, {}
    for name_of, parent, bone, axis, dof in CMU:
        length = float(np.linalg.norm(bone))
        direction = ' '.join(f'{part / length:.6f}' for part in bone)
        text += f'  begin\n name {name_of}\n direction {direction}\n length {length:.6f}\n'
        text += f' axis {axis} XYZ\n' + (f' dof {dof}\n' if dof else '') + '  end\n'
        children.setdefault(parent, []).append(name_of)
    text += ':hierarchy\n  begin\n'
    for parent, names in children.items():
        text += f'    {parent} {" ".join(names)}\n'
    (folder / f'{name.partition("_")[0]}.asf').write_text(text + '  end\n')
    rows = [':FULLY-SPECIFIED', ':DEGREES']
    for frame in range(frames):
        swing = np.sin(2 * np.pi * frame / 120)
        rows += [str(frame + 1), f'root 0 17 {frame * 0.15:.4f} 0 0 0']
        for side, sign in (('l', 1), ('r', -1)):
            rows += [f'{side}femur {-20 + 20 * sign * swing:.4f} 0 {-20 * sign}',
                     f'{side}tibia {50 + 10 * sign * swing:.4f}',
                     f'{side}radius {60 - 20 * sign * swing:.4f}']
    (folder / f'{name}.amc').write_text('\n'.join(rows) + '\n')


def test_a_clip_of_cmu_becomes_a_motion(tmp_path: Path) -> None:
    write_walk(tmp_path / 'asf_amc' / '49', '49_02', 240)
    (motion,) = load_motions(tmp_path)
    assert (motion.name, motion.subject, motion.split) == ('asf_amc/49_02', '49', 'test')
    assert len(motion) == 60                                            # 120 Hz to 30 Hz
    # 0.15 units of 0.0564 m, 120 times a second, towards z, which is -y where z is up
    speed = np.diff(motion.root, axis=0).mean(0) * 30
    np.testing.assert_allclose(speed, [0, -1.016, 0], atol=0.01)
    joint = SMPL24.index
    for name, axis, degrees in (('left_knee', (1, 0, 0), 50), ('right_knee', (1, 0, 0), 50),
                                ('left_elbow', (0, -1, 0), 60), ('right_elbow', (0, 1, 0), 60)):
        turn = motion.rotations[:, joint(name)].astype(float)
        angle = np.degrees(np.arccos((np.trace(turn, axis1=1, axis2=2) - 1) / 2))
        assert angle.mean() == pytest.approx(degrees, abs=3), name
        about = np.stack([turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0],
                          turn[:, 1, 0] - turn[:, 0, 1]], 1)
        about /= np.linalg.norm(about, axis=-1, keepdims=True)
        assert (about @ axis).min() > 0.98, name
    body = motion.body
    assert (body[:, BODY.index('nose'), 1] < body[:, BODY.index('left_ear'), 1]).all()
    assert (body[:, BODY.index('left_hip'), 0] > body[:, BODY.index('right_hip'), 0]).all()


def test_trials_that_are_in_the_other_folders_keep_their_split(tmp_path: Path) -> None:
    write_walk(tmp_path / 'asf_amc' / '60', '60_14', 130)
    write_walk(tmp_path / 'asf_amc' / '61', '61_01', 130)
    splits = {motion.name: motion.split for motion in load_motions(tmp_path)}
    assert splits == {'asf_amc/60_14': 'test', 'asf_amc/61_01': 'train'}
