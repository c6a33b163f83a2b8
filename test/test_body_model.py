"""Bodies in the format of SMPL: NumPy, torch and smplx agree; shapes mean what they say."""
import pickle
import sys
import time
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest

from ros2_occpose.body.cylinder_mesh import cylinder_model
from ros2_occpose.body.decimate import decimated
from ros2_occpose.body.kinematics import body_points, forward
from ros2_occpose.body.load import body_path, load_body
from ros2_occpose.body.model import BodyModel, read_model
from ros2_occpose.errors import ConfigError, ModelError, ShapeError
from ros2_occpose.geometry import matrix_from_quat_wxyz
from ros2_occpose.skeleton import COCO17, H36M17, LSP14, SMPL24, conversion

REST = np.tile(np.eye(3), (24, 1, 1))
NO_HUMAN = 'needs the human body: occpose models fetch body'


@pytest.fixture(scope='module', params=['cylinder', 'human'])
def body(request) -> BodyModel:
    if request.param == 'human' and not body_path().exists():
        pytest.skip(NO_HUMAN)
    return load_body(request.param)


@pytest.fixture(scope='module')
def bent() -> BodyModel:
    """The Cylinder Man with corrections by posture, as files of SMPL have them."""
    model = cylinder_model()
    corrections = np.random.default_rng(0).normal(0, 1e-3, (len(model.template), 3, 207))
    return replace(model, corrections=corrections.astype(np.float32))


def people(rng, count, shapes=10):
    quat = np.concatenate([np.ones((count, 24, 1)), 0.4 * rng.normal(size=(count, 24, 3))], -1)
    rotations = matrix_from_quat_wxyz(quat / np.linalg.norm(quat, axis=-1, keepdims=True))
    return rng.normal(size=(count, shapes)), rotations, rng.normal(size=(count, 3))


def test_torch_equals_numpy(body, bent, rng):
    torch = pytest.importorskip('torch')
    from ros2_occpose.body.network import body_network

    for model in (body, bent):
        given = people(rng, 3)
        expected = model(*given)
        found = body_network(model)(*(torch.as_tensor(values, dtype=torch.float32)
                                      for values in given))
        for values, name in zip(found, ('vertices', 'joints', 'body')):
            np.testing.assert_allclose(values.numpy(), getattr(expected, name), atol=1e-5,
                                       err_msg=name)


def test_smplx_gives_the_same(body, bent, rng):
    torch = pytest.importorskip('torch')
    smplx = pytest.importorskip('smplx', reason='needs smplx: pip install ros2_occpose[smplx]')
    from smplx.utils import Struct
    from smplx.vertex_ids import vertex_ids

    from ros2_occpose.body.network import body_network

    for model in (body, bent):
        betas, rotations, _ = people(rng, 2)
        struct = Struct(**np.load(BytesIO(model.to_bytes()), allow_pickle=False))
        theirs = smplx.SMPL('', data_struct=struct, batch_size=2,
                            vertex_ids=dict.fromkeys(vertex_ids['smplh'], 0))
        turns = torch.as_tensor(rotations, dtype=torch.float32)
        shape = torch.as_tensor(betas, dtype=torch.float32)
        with torch.no_grad():
            out = theirs(betas=shape, global_orient=turns[:, :1], body_pose=turns[:, 1:],
                         transl=torch.zeros(2, 3), pose2rot=False)
        # SMPL leaves the pelvis where the shape has it; ours stands where it is told.
        at = out.joints[:, 0].numpy()
        mine = model(betas, rotations, at)
        np.testing.assert_allclose(mine.vertices, out.vertices.numpy(), atol=1e-5)
        np.testing.assert_allclose(mine.joints, out.joints[:, :24].numpy(), atol=1e-5)
        found = body_network(model)(shape, turns, torch.as_tensor(at))
        np.testing.assert_allclose(found[0].numpy(), out.vertices.numpy(), atol=1e-5)


def test_gradients_reach_shape_and_posture(rng):
    torch = pytest.importorskip('torch')
    from ros2_occpose.body.network import body_network

    given = [torch.tensor(values, dtype=torch.float32, requires_grad=True)
             for values in people(rng, 2)]
    vertices, joints, points = body_network(cylinder_model())(*given)
    (vertices.square().mean() + joints.square().mean() + points.square().mean()).backward()
    assert all(float(values.grad.abs().max()) > 1e-5 for values in given)


def test_the_body_is_one_of_a_person(body):
    assert len(body.template) <= 7000
    assert len(body.meaning) == 10
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-5)
    assert body.weights.min() >= 0
    np.testing.assert_allclose(body.regressor.sum(1), 1, atol=1e-3)
    assert 1.55 < np.ptp(body.template[:, 1]) < 1.85
    found = body(np.zeros(10), REST, np.zeros(3))
    np.testing.assert_allclose(found.joints[0], 0, atol=1e-3)
    left, right = (found.joints[SMPL24.index(f'{side}_wrist')] for side in ('left', 'right'))
    np.testing.assert_allclose(left, right * [-1, 1, 1], atol=4e-3)
    height = found.body[:, 1]
    assert height[-1] > height[COCO17.index('nose')] > height[COCO17.index('left_shoulder')]


def test_posed_joints_are_those_of_the_tree_and_bones_keep_their_length(body, rng):
    betas, rotations, root = people(rng, 4)
    found = body(betas[0], rotations, root)
    _, rest = body.rest(betas[0].astype(np.float32))
    offsets = rest - rest[[0, *SMPL24.parents[1:]]]
    np.testing.assert_allclose(found.joints, forward(rotations, root, offsets)[0], atol=1e-5)
    # The regressor finds the joint in the posed skin as well, to what skin does at a bend.
    straight = body(betas[0], np.stack([REST] * 2), np.zeros(3))
    np.testing.assert_allclose(body.regressor @ straight.vertices[0], straight.joints[0],
                               atol=2e-3)


def test_the_first_shapes_mean_what_they_say(body):
    def stature(**betas):
        values = np.zeros(10, np.float32)
        for name, value in betas.items():
            values[body.meaning.index(name)] = value
        vertices, joints = body.rest(values)
        return np.ptp(vertices[:, 1]), joints

    tall, short = stature(stature=2)[0], stature(stature=-2)[0]
    assert tall / short == pytest.approx(1.08 / 0.92, abs=0.01)
    _, mean = stature()
    knee, hip, wrist, elbow = SMPL24.indices('left_knee', 'left_hip', 'left_wrist', 'left_elbow')
    _, legs = stature(legs=1)
    assert (np.linalg.norm(legs[knee] - legs[hip]) / np.linalg.norm(mean[knee] - mean[hip])
            == pytest.approx(1.03, abs=0.005))
    np.testing.assert_allclose(legs[wrist] - legs[elbow], mean[wrist] - mean[elbow], atol=1e-3)
    _, arms = stature(arms=1)
    assert (np.linalg.norm(arms[wrist] - arms[elbow]) / np.linalg.norm(mean[wrist] - mean[elbow])
            == pytest.approx(1.03, abs=0.005))


def test_girths_change_what_they_say():
    """Tubes of the Cylinder Man: those of the trunk leave head, arms and legs alone."""
    body = cylinder_model()
    carrier = body.weights.argmax(1)
    moved = {name: np.linalg.norm(body.shapes[..., body.meaning.index(name)], axis=1) > 1e-9
             for name in ('girth of the trunk', 'girth of the limbs', 'head')}
    for joint in ('head', 'left_elbow', 'right_hip', 'left_ankle'):
        assert not moved['girth of the trunk'][carrier == SMPL24.index(joint)].any(), joint
    for joint in ('pelvis', 'spine2', 'left_collar'):
        assert moved['girth of the trunk'][carrier == SMPL24.index(joint)].all(), joint
    assert not moved['girth of the limbs'][carrier == SMPL24.index('head')].any()
    assert not (moved['head'] & (moved['girth of the trunk'] | moved['girth of the limbs'])).any()


def test_other_joint_sets_follow(body, rng):
    found = body(*people(rng, 2))
    assert found.coco17.shape == (2, 17, 3)
    np.testing.assert_allclose(found.h36m17[:, H36M17.index('hip')],
                               found.coco17[:, COCO17.indices('left_hip', 'right_hip')].mean(1),
                               atol=1e-5)
    np.testing.assert_allclose(found.h36m17[:, H36M17.index('head')], found.body[:, -1], atol=1e-6)
    shared = [joint for joint in LSP14.joints if joint in COCO17.joints]
    np.testing.assert_allclose(found.lsp14[:, LSP14.indices(*shared)],
                               found.coco17[:, COCO17.indices(*shared)], atol=1e-6)
    assert conversion(COCO17, LSP14)[LSP14.index('neck')].sum() == pytest.approx(1)


def test_faces_look_outside(body):
    """In any posture that people take, most of the skin; the volume is that of a person."""
    a, b, c = (body.template[body.faces[:, corner]].astype(float) for corner in range(3))
    across = np.cross(b - a, c - a)
    assert 0.04 < (a * across).sum() / 6 < 0.12                            # [m^3]
    bones = body.regressor @ body.template
    nearest = np.linalg.norm((a + b + c)[:, None] / 3 - bones, axis=-1).argmin(1)
    outwards = (a + b + c) / 3 - bones[nearest]
    assert ((across * outwards).sum(1) > 0).mean() > 0.75


@pytest.mark.parametrize('many', [(), (0,), (2,), (2, 3), (0, 4)])
def test_any_number_of_people(body, many):
    found = body(np.zeros(10), np.tile(REST, (*many, 1, 1, 1)), np.zeros(3))
    assert found.vertices.shape == (*many, len(body.template), 3)
    assert found.joints.shape == (*many, 24, 3)
    assert found.lsp14.shape == (*many, 14, 3)


@pytest.mark.parametrize(('betas', 'rotations', 'root', 'message'), [
    ((16,), (24, 3, 3), (3,), 'at most 10 shape parameters of cylinder, got 16'),
    ((10,), (24, 3), (3,), r'rotations must have shape \(24, 3, 3\), got \(24, 3\)'),
    ((10,), (2, 23, 3, 3), (3,), r'got \(2, 23, 3, 3\)'),
    ((3, 10), (2, 24, 3, 3), (3,), r'betas of shape \(2, 10\), .* got \(3, 10\)'),
    ((10,), (2, 24, 3, 3), (3, 3), r'root of shape \(2, 3\), .* got \(3, 3\)')])
def test_what_does_not_fit_is_named(betas, rotations, root, message):
    with pytest.raises(ShapeError, match=message):
        cylinder_model()(np.zeros(betas), np.zeros(rotations), np.zeros(root))


def test_without_points_of_its_own_a_body_has_the_marks(rng):
    given = people(rng, 1)
    found = cylinder_model()(*given)
    _, rest = cylinder_model().rest(given[0][0].astype(np.float32))
    offsets = rest - rest[[0, *SMPL24.parents[1:]]]
    expected = body_points(*forward(given[1], given[2], offsets))
    np.testing.assert_allclose(found.body, expected, atol=1e-5)


@pytest.mark.skipif(not body_path().exists(), reason=NO_HUMAN)
def test_the_human_has_no_holes_but_the_mouth():
    """Insides of mouth and sockets are left out, and nothing else."""
    body = load_body('human')
    edges = np.sort(np.concatenate([body.faces[:, pair] for pair in ((0, 1), (1, 2), (2, 0))]), 1)
    each, counts = np.unique(edges, axis=0, return_counts=True)
    once = each[counts == 1]
    head = body.regressor[SMPL24.index('head')] @ body.template
    assert np.linalg.norm(body.template[np.unique(once)] - head, axis=1).max() < 0.2


def test_a_skin_takes_a_few_milliseconds(body, bent, rng):
    """0.4 ms, with corrections by posture 2.2 ms; other work on the machine costs caches."""
    for model in (body, bent):
        given, times = people(rng, 4), []
        model(*given)
        for _ in range(10):
            start = time.thread_time()
            model(*given)
            times.append((time.thread_time() - start) / 4)
        print(f'{model.name}: {1e3 * np.median(times):.2f} ms a person')
        assert min(times) < 6e-3


def test_files_come_back(bent, tmp_path, rng):
    path = tmp_path / 'body.npz'
    path.write_bytes(bent.to_bytes())
    again, given = read_model(path), people(rng, 1)
    np.testing.assert_array_equal(again(*given).vertices, bent(*given).vertices)
    assert again.meaning == bent.meaning
    assert load_body(str(path)).name == bent.name


@pytest.mark.parametrize('protocol', [0, 2])
def test_a_pickle_of_smpl_is_read_without_running_it(tmp_path, monkeypatch, rng, protocol):
    """Files of SMPL hold arrays of chumpy and a sparse matrix of an older SciPy.

    What an object of chumpy is pickled with: its terms, and what it remembers of itself.
    """
    class Ch:
        def __init__(self, x):
            self.x, self.dterms = x, ('x',)
            self._dirty_vars, self._itr, self._depends_on_deps = {'x'}, None, {}

    class Select:
        def __init__(self, array, count):
            self.a, self.preferred_shape = Ch(array), (*array.shape[:-1], count)
            self.idxs = np.arange(array.size).reshape(array.shape)[..., :count].ravel()
            self._dirty_vars = {'a', 'idxs'}

    class csc_matrix:                                                       # noqa: N801
        def __init__(self, matrix):
            rows, columns = np.nonzero(matrix.T)
            self._shape, self.data = matrix.shape, matrix.T[rows, columns]
            self.indices, self.format = columns.astype(np.int32), 'csc'
            self.indptr = np.searchsorted(rows, np.arange(matrix.shape[1] + 1)).astype(np.int32)

    monkeypatch.setitem(sys.modules, 'chumpy', SimpleNamespace())
    modules = ('chumpy.ch', 'chumpy.reordering', 'scipy.sparse.csc')
    for kind, module in zip((Ch, Select, csc_matrix), modules):
        kind.__module__, kind.__qualname__ = module, kind.__name__
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{kind.__name__: kind}))
    model, path = cylinder_model(), tmp_path / 'body.pkl'
    path.write_bytes(pickle.dumps({
        'v_template': Ch(model.template), 'f': model.faces,
        'shapedirs': Select(np.concatenate([model.shapes, model.shapes], 2), 10),
        'J_regressor': csc_matrix(model.regressor), 'weights': Ch(model.weights),
        'kintree_table': np.stack([SMPL24.parents, np.arange(24)]), 'bs_style': 'lbs'}, protocol))
    for module in modules:
        monkeypatch.delitem(sys.modules, module)
    given = people(rng, 1)
    np.testing.assert_allclose(load_body(str(path))(*given).vertices, model(*given).vertices,
                               atol=1e-6)


@pytest.mark.parametrize('idxs', [[0], [99]], ids=['of itself', 'of nothing'])
def test_selections_that_fit_nothing_are_no_body(tmp_path, monkeypatch, idxs):
    class Select:
        pass

    Select.__module__, Select.__qualname__ = 'chumpy.reordering', 'Select'
    chosen = Select()
    chosen.a, chosen.idxs = chosen if idxs == [0] else [0.5], idxs
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'chumpy', SimpleNamespace())
        patch.setitem(sys.modules, 'chumpy.reordering', SimpleNamespace(Select=Select))
        (tmp_path / 'body.pkl').write_bytes(pickle.dumps({'v_template': chosen}))
    with pytest.raises(ModelError, match='no body in the format of SMPL'):
        load_body(str(tmp_path / 'body.pkl'))


@pytest.mark.parametrize('face', [0, 3], ids=['smplh', 'smplx'])
def test_fingers_follow_the_hands_and_the_face_the_head(tmp_path, rng, face):
    """A body of 52 or 55 joints whose fingers and jaw lie still equals the one of 24."""
    model = cylinder_model()
    head, left, count = SMPL24.index('head'), 22 + face, 52 + face
    parents = np.array([*SMPL24.parents[:22], *([head] * face), *([20] * 15), *([21] * 15)])
    weights = np.zeros((len(model.template), count))
    weights[:, :22] = model.weights[:, :22]
    weights[:, left:left + 15] = model.weights[:, 22:23] / 15
    weights[:, left + 15:] = model.weights[:, 23:] / 15
    for joint in range(22, left):                           # jaw and eyes carry some of the head
        weights[:, joint] = model.weights[:, head] / 4
        weights[:, head] -= model.weights[:, head] / 4
    regressor = np.zeros((count, len(model.template)))
    regressor[:22], regressor[left + 3], regressor[left + 18] = (
        model.regressor[:22], model.regressor[22], model.regressor[23])
    path = tmp_path / 'body.npz'
    shapes = np.concatenate([model.shapes, rng.normal(size=(len(weights), 3, 6))], 2)
    np.savez(path, v_template=model.template, shapedirs=shapes, f=model.faces,
             weights=weights, J_regressor=regressor,
             posedirs=np.zeros((len(weights), 3, 9 * (count - 1))),
             kintree_table=np.stack([parents, np.arange(count)]),
             part2num=np.array({'head': 15}, dtype=object))        # as files of SMPL-X have it
    given = people(rng, 2)
    np.testing.assert_allclose(read_model(path)(*given).vertices, model(*given).vertices,
                               atol=1e-5)


def test_files_that_are_none_say_what_to_do(tmp_path):
    path = tmp_path / 'body.npz'
    np.savez(path, v_template=np.zeros((3, 3)))
    with pytest.raises(ModelError, match=r'no body in the format of SMPL .* give an .npz file'):
        load_body(str(path))
    with pytest.raises(ConfigError, match='auto, human, cylinder or the path'):
        load_body('nobody')
    for name in ('SMPL_NEUTRAL.pkl', 'SMPL_NEUTRAL.PKL', 'SMPL_NEUTRAL'):
        evil = tmp_path / name
        evil.write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / 'run').encode() + b"'\ntR.")
        with pytest.raises(ModelError, match=r'asks for .*system, which could run code'):
            load_body(str(evil))
    assert not (tmp_path / 'run').exists()
    with pytest.raises(ShapeError, match='207 numbers'):
        replace(cylinder_model(), corrections=np.zeros((4590, 3, 5)))


@pytest.mark.parametrize(('key', 'value', 'message'), [
    ('v_template', np.nan, 'finite numbers in v_template'), ('weights', np.inf, 'in weights'),
    ('f', 4590, 'faces of 4590 vertices'), ('f', -1, 'got vertices -1 to 4589')])
def test_damaged_files_are_refused(tmp_path, key, value, message):
    path = tmp_path / 'body.npz'
    arrays = dict(np.load(BytesIO(cylinder_model().to_bytes())))
    arrays[key][0, 0] = value
    np.savez(path, **arrays)
    with pytest.raises(ModelError, match=message):
        load_body(str(path))


def test_a_body_that_is_there_is_all_that_is_needed(tmp_path, monkeypatch, bent):
    """No network, no other file of the cache, no lock beside it."""
    monkeypatch.setenv('OCCPOSE_CACHE', str(tmp_path))
    assert load_body('auto').name == 'cylinder'
    with pytest.raises(ModelError, match='run: occpose models fetch body'):
        load_body('human', fetch=False)
    body_path().write_bytes(replace(bent, name='human').to_bytes())
    for name in ('auto', 'human'):
        assert load_body(name).name == load_body(name, fetch=False).name == 'human'
    assert list(tmp_path.iterdir()) == [body_path()]


def test_merging_keeps_the_form():
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    height = np.linspace(0, 2, 30)
    vertices = np.stack([np.tile(np.cos(angle), 30), np.tile(np.sin(angle), 30),
                         np.repeat(height, 40)], -1)
    ring, step = np.mgrid[:29, :40]
    a, b = (ring * 40 + step).ravel(), (ring * 40 + (step + 1) % 40).ravel()
    faces = np.concatenate([np.stack([a, b, a + 40], -1), np.stack([b, b + 40, a + 40], -1)])
    stay, coarse = decimated(vertices, faces, 300)
    assert len(stay) == 300
    assert coarse.max() == 299
    corners = vertices[stay][coarse]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0],
                                         corners[:, 2] - corners[:, 0]), axis=1).sum()
    assert area == pytest.approx(4 * np.pi, rel=0.03)
    assert np.ptp(vertices[stay][:, 2]) == 2                     # the borders stay
    with pytest.raises(ShapeError, match='Expected to reach 0'):
        decimated(vertices, faces, 0)
