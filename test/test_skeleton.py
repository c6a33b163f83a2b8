"""Joint sets are complete trees, mirror themselves, and convert to what they can give."""
import numpy as np
import pytest

from ros2_occpose.errors import ConfigError
from ros2_occpose.skeleton import (
    BLAZEPOSE33,
    COCO17,
    H36M17,
    HALPE26,
    OPENPOSE25,
    SKELETONS,
    SMPL24,
    conversion,
    convert,
    skeleton_named,
)

COUNTS = {'coco17': 17, 'h36m17': 17, 'smpl24': 24, 'blazepose33': 33, 'halpe26': 26,
          'openpose25': 25, 'lsp14': 14}


@pytest.mark.parametrize('skeleton', SKELETONS.values(), ids=lambda s: s.name)
def test_joint_sets_are_trees_of_the_size_in_their_name(skeleton):
    assert len(skeleton.joints) == COUNTS[skeleton.name] == len(set(skeleton.joints))
    assert sum(parent < 0 for parent in skeleton.parents) == 1, 'one root'
    assert len(skeleton.bones) == len(skeleton.joints) - 1
    for joint in range(len(skeleton.joints)):
        steps, at = 0, joint
        while skeleton.parents[at] >= 0:
            at, steps = skeleton.parents[at], steps + 1
            assert steps < len(skeleton.joints), f'{skeleton.joints[joint]} hangs in a loop'


@pytest.mark.parametrize('skeleton', SKELETONS.values(), ids=lambda s: s.name)
def test_mirror_swaps_sides_and_bones(skeleton):
    mirror = skeleton.mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(skeleton.joints)))
    for joint, partner in enumerate(mirror):
        name, other = skeleton.joints[joint], skeleton.joints[partner]
        expected = (name.replace('left', 'right') if 'left' in name
                    else name.replace('right', 'left'))
        assert other == expected
    bones = set(skeleton.bones)
    assert {(mirror[a], mirror[b]) for a, b in bones} == bones


@pytest.mark.parametrize('source', SKELETONS.values(), ids=lambda s: s.name)
@pytest.mark.parametrize('target', SKELETONS.values(), ids=lambda s: s.name)
def test_conversion_weights_are_means_or_nothing(source, target):
    weights = conversion(source, target)
    assert weights.shape == (len(target.joints), len(source.joints))
    assert np.isin(weights.sum(1).round(12), (0, 1)).all()
    for row, joint in enumerate(target.joints):
        if joint in source.joints:
            assert weights[row, source.index(joint)] == 1


@pytest.mark.parametrize(('source', 'missing'), [
    (COCO17, {'head'}), (BLAZEPOSE33, {'head'}), (HALPE26, set()), (OPENPOSE25, {'head'}),
    (SMPL24, {'nose'})], ids=lambda x: getattr(x, 'name', ''))
def test_what_detectors_cannot_give_of_h36m17(source, missing):
    given = conversion(source, H36M17).any(1)
    assert {H36M17.joints[i] for i in np.flatnonzero(~given)} == missing


def test_converted_joints_are_means_and_as_sure_as_the_least_sure(rng):
    points, scores = rng.normal(size=(4, 17, 2)), rng.uniform(0.1, 1, (4, 17))
    out, sure = convert(points, scores, COCO17, H36M17)
    left, right = COCO17.indices('left_hip', 'right_hip')
    hip = H36M17.index('hip')
    np.testing.assert_allclose(out[:, hip], (points[:, left] + points[:, right]) / 2)
    np.testing.assert_allclose(sure[:, hip], np.minimum(scores[:, left], scores[:, right]))
    head = H36M17.index('head')
    assert (sure[:, head] == 0).all()
    assert np.isfinite(out).all()
    given = np.delete(out, head, axis=1)
    np.testing.assert_allclose(out[:, head], given.mean(1))


def test_converting_to_the_same_set_changes_nothing(rng):
    points, scores = rng.normal(size=(17, 3)), np.ones(17)
    out, sure = convert(points, scores, COCO17, COCO17)
    assert out is points
    assert sure is scores


def test_nobody_converts_to_nobody():
    out, sure = convert(np.zeros((0, 17, 2)), np.zeros((0, 17)), COCO17, H36M17)
    assert out.shape == (0, 17, 2)
    assert sure.shape == (0, 17)


def test_unknown_joint_sets_are_named_with_the_known_ones():
    assert skeleton_named('coco17') is COCO17
    with pytest.raises(ConfigError, match=r"'coco18'; expected one of coco17, h36m17"):
        skeleton_named('coco18')
