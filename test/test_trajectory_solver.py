"""The mathematics of the trajectory, each part against a plain way to the same numbers."""
import numpy as np
import pytest
from scipy.optimize import approx_fprime, least_squares
from statues import WORLD_FROM_CAMERA, seen, wander

from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.errors import InputError, ShapeError
from ros2_occpose.trajectory import load_trajectory, solve_clip
from ros2_occpose.trajectory.banded import Banded
from ros2_occpose.trajectory.continuity import Chain, Motion
from ros2_occpose.trajectory.residuals import (
    TELLING,
    Views,
    distance_prior,
    freshness,
    reprojection,
)
from ros2_occpose.trajectory.solver import locate

CONFIG = TrajectoryConfig(scale_std=0.0, noise_memory_s=0.0)
PIXEL_STD = 3.0
BOUND = 2.0


def views(rng, std=0.0, outliers=0, seen=99):
    """One frame of a person at about (0.3, 0.1, 4), and that root."""
    root, joints = np.array([0.3, 0.1, 4.0]), rng.uniform(-0.6, 0.6, (3, len(TELLING)))
    at = joints + root[:, None]
    rays = at[:2] / at[2] + 0.004 * rng.standard_normal((2, len(TELLING)))
    rays[:, :outliers] += 0.3
    weight = (np.arange(len(TELLING)) < seen) * rng.uniform(0.5, 1, len(TELLING))
    packed = np.concatenate([joints, rays, [weight], [np.full(len(TELLING), std ** 2)]])
    return Views(packed[:, None, None]), root


def plain_cost(root, view, std):
    """The cost whose weight is 1 within the bound and (bound / distance)^2 beyond."""
    x, y, z = view.joints[:, 0, 0] + root[:, None]
    off = np.stack([x / z, y / z]) - view.rays[:, 0, 0]
    distance2 = (off ** 2).sum(0) / std ** 2
    beyond = BOUND ** 2 * (1 + np.log(np.maximum(distance2, BOUND ** 2) / BOUND ** 2))
    return 0.5 * (view.weight[0, 0] * np.where(distance2 < BOUND ** 2, distance2, beyond)).sum()


@pytest.mark.parametrize('outliers', [0, 3])
def test_gradient_of_the_reprojection_is_that_of_finite_differences(rng, outliers):
    view, root = views(rng, outliers=outliers)
    root = root + np.array([0.02, -0.03, 0.2])
    term = reprojection(root[None, None], view, PIXEL_STD)
    expected = approx_fprime(root, plain_cost, 1e-7, view, PIXEL_STD / 500)
    np.testing.assert_allclose(term.gradient[0, 0], expected, rtol=1e-4, atol=1e-2)


def test_information_is_that_of_the_jacobian_of_finite_differences(rng):
    view, root = views(rng, std=0.03)

    def projected(root):
        x, y, z = view.joints[:, 0, 0] + root[:, None]
        return np.concatenate([x / z, y / z])

    jacobian = approx_fprime(root, projected, 1e-7)                          # (2 J, 3)
    x, y, z = view.joints[:, 0, 0] + root[:, None]
    variance = (PIXEL_STD / 500) ** 2 + 0.03 ** 2 / z ** 2 * (1 + 0.5 * (x * x + y * y) / z ** 2)
    weight = np.tile(view.weight[0, 0] / variance, 2)
    expected = jacobian.T @ (weight[:, None] * jacobian)
    term = reprojection(root[None, None], view, PIXEL_STD)
    np.testing.assert_allclose(term.information[0, 0], expected, rtol=1e-4)


def test_gradient_of_the_distance_prior(rng):
    view, _ = views(rng)

    def cost(root):
        weight = view.weight[0, 0]
        middle = (view.rays[:, 0, 0] * weight).sum(1) / weight.sum()
        aside = (root[:2] / root[2] - middle) / 0.5
        return 0.5 * (aside @ aside + (np.log(root[2] / 4) / 0.8) ** 2)

    root = np.array([1.0, -0.5, 2.5])
    term = distance_prior(root[None, None], view)
    np.testing.assert_allclose(term.gradient[0, 0], approx_fprime(root, cost, 1e-7), rtol=1e-4)


def test_unseen_joints_say_nothing(rng):
    view, root = views(rng, seen=0)
    term = reprojection(root[None, None], view, PIXEL_STD)
    assert not term.information.any()
    assert not term.gradient.any()
    assert np.isinf(term.nearest)
    assert term.fit == 1


def test_banded_matrix_is_the_dense_one(rng):
    n, t = 3, 6
    half = rng.normal(size=(n, t, 3, 3))
    blocks = half @ np.swapaxes(half, 2, 3) + 20 * np.eye(3)
    following, second = rng.normal(size=(2, n, t, 3))
    following[:, -1:], second[:, -2:] = 0, 0
    half = rng.normal(size=(n, 6, 6))
    head = half @ np.swapaxes(half, 1, 2)

    dense = np.zeros((n, t, 3, t, 3))
    for frame in range(t):
        dense[:, frame, :, frame] = blocks[:, frame]
        for axis in range(3):
            for ahead, band in ((1, following), (2, second)):
                if frame + ahead < t:
                    dense[:, frame, axis, frame + ahead, axis] = band[:, frame, axis]
                    dense[:, frame + ahead, axis, frame, axis] = band[:, frame, axis]
    dense = dense.reshape(n, 3 * t, 3 * t)
    dense[:, :6, :6] += head
    inverse = np.linalg.inv(dense)

    banded, right = Banded(blocks, following, second, head), rng.normal(size=(n, t, 3))
    expected = (inverse @ right.reshape(n, -1, 1)).reshape(n, t, 3)
    np.testing.assert_allclose(banded.solve(right), expected, atol=1e-12)
    np.testing.assert_allclose(banded.newest_covariance(), inverse[:, -6:, -6:], atol=1e-12)
    single = Banded(blocks[:1], following[:1], second[:1], head[:1])
    for frame, pair in zip(range(t - 1, -1, -1), single.covariances(), strict=True):
        two = slice(3 * frame, 3 * frame + 6)
        known = inverse[0, two, two]
        np.testing.assert_allclose(pair[:len(known), :len(known)], known, atol=1e-12)


def test_a_matrix_that_is_no_information_is_refused():
    blocks = np.broadcast_to(-np.eye(3), (1, 3, 3, 3))
    with pytest.raises(np.linalg.LinAlgError, match='not positive definite'):
        Banded(blocks, np.zeros((1, 3, 3)), np.zeros((1, 3, 3)), np.zeros((1, 6, 6)))


def chain_and_residuals(rng):
    """A chain with a gap in time, of a person met in frame 1, and its residuals the plain way."""
    times = np.array([0.0, 0.03, 0.07, 0.1, 0.6, 0.63])
    motion = Motion(CONFIG, upright=True)
    chain = Chain.of(motion, times, np.array([1]))

    def residuals(roots):
        steps = np.diff(times)
        velocity = np.diff(roots, axis=0) / steps[:, None]
        out = [velocity[1] / np.sqrt(motion.speed_variance)]
        for t in range(3, len(times)):
            keep = np.exp(-(steps[t - 1] + steps[t - 2]) / 2 / motion.memory_s)
            change = np.sqrt(motion.speed_variance * (1 - keep ** 2))
            out.append((velocity[t - 1] - keep * velocity[t - 2]) / change)
        return np.concatenate(out)

    return chain, residuals, rng.normal(size=(6, 3))


def test_chain_bands_are_those_of_its_residuals(rng):
    chain, residuals, roots = chain_and_residuals(rng)
    jacobian = approx_fprime(roots.ravel(), lambda r: residuals(r.reshape(6, 3)), 1e-6)
    expected = (jacobian.T @ jacobian).reshape(6, 3, 6, 3)
    for ahead, band in enumerate(chain.bands()):
        for frame in range(6 - ahead):
            np.testing.assert_allclose(
                np.diagonal(expected[frame, :, frame + ahead]), band[0, frame], rtol=1e-4,
                atol=1e-2)
        assert not band[0, 6 - ahead:].any()


def test_expected_root_leaves_no_residual(rng):
    chain, residuals, roots = chain_and_residuals(rng)
    roots[-1] = chain.expected(roots[None, :-1])[0, 0]
    np.testing.assert_allclose(residuals(roots)[-3:], 0, atol=1e-9)


def test_first_and_second_order_terms_of_eq_9():
    # A long chain at one rate: |v_t - keep v_(t-1)|^2 = keep |dv|^2 + (1 - keep)^2 |v|^2 inside.
    chain = Chain.of(Motion(CONFIG, upright=False), np.arange(8) / 30, np.array([-5]))
    same, following, second = (band[0, 4, 0] for band in chain.bands())
    step, weight = 1 / 30, chain.weight[0, 4, 0]
    keep = np.exp(-step / Motion(CONFIG, upright=False).memory_s[0])
    second_order, first_order = weight * keep / step ** 2, weight * (1 - keep) ** 2 / step ** 2
    assert second == pytest.approx(second_order)
    assert following == pytest.approx(-4 * second_order - first_order)
    assert same == pytest.approx(6 * second_order + 2 * first_order)


@pytest.mark.parametrize('fps', [10, 30, 100])
def test_prior_of_motion_is_the_same_at_every_frame_rate(fps):
    rng = np.random.default_rng(0)
    roots = np.broadcast_to([5.0, 0.3, 0.9], (round(3 * fps), 1, 3))
    hidden = (2 * fps, 3 * fps)
    trajectory = load_trajectory(TrajectoryConfig(scale_std=0.0))
    moments = seen(roots, rng, hidden=hidden, fps=fps, pixel_std=0.5, joint_std=0.0)
    answers = [trajectory.update(*moment) for moment in moments]
    spread = np.sqrt(np.diagonal(answers[-1].root_covariance[0]))
    np.testing.assert_allclose(spread, [0.562, 0.475, 0.161], rtol=0.04)


@pytest.mark.parametrize('window', [3, 5])
def test_a_short_window_forgets_nothing(window):
    truth = wander(np.random.default_rng(1), 3, 60, 30.0, CONFIG)
    short, long = ([load.update(*moment) for moment in seen(
        truth, np.random.default_rng(2), hidden=(30, 45))]
        for load in (load_trajectory(TrajectoryConfig(window=w, scale_std=0.0))
                     for w in (window, 100)))
    apart = [np.linalg.norm(a.root - b.root, axis=-1) for a, b in zip(short, long, strict=True)]
    assert np.mean(apart) < 0.002, 'metres'
    assert np.max(apart) < 0.02
    for a, b in zip(short[10::10], long[10::10], strict=True):
        np.testing.assert_allclose(np.trace(a.root_covariance, axis1=1, axis2=2),
                                   np.trace(b.root_covariance, axis1=1, axis2=2), rtol=0.05)


def clip_of(truth, rng, **errors):
    moments = list(seen(truth, rng, **errors))
    arrays = [np.array([getattr(poses, name)[0] for poses, _ in moments])
              for name in ('joints_root', 'rays', 'visibility', 'std')]
    return arrays, np.broadcast_to(WORLD_FROM_CAMERA, (len(truth), 4, 4))


def test_clip_is_the_least_squares_solution(rng):
    truth, fps = wander(rng, 1, 14, 30.0, CONFIG), 30
    arrays, poses = clip_of(truth, rng, hidden=(6, 9), pixel_std=1.0, joint_std=0.0)
    joints, rays, visibility, _ = arrays
    clip = solve_clip(*arrays, np.arange(14) / fps, poses, CONFIG)
    motion = Motion(CONFIG, upright=True)
    keep = np.exp(-1 / fps / motion.memory_s)
    weight = visibility[:, TELLING].copy()
    hips = np.flatnonzero(np.isin(TELLING, [1, 4]))
    weight[:, 0] *= 2
    weight[:, hips] = 0

    def residuals(flat):
        roots = flat.reshape(14, 3)
        at = joints[:, TELLING] + ((roots - poses[0, :3, 3]) @ poses[0, :3, :3])[:, None]
        off = (at[..., :2] / at[..., 2:] - rays[:, TELLING]) / (PIXEL_STD / 500)
        velocity = np.diff(roots, axis=0) * fps
        first = velocity[0] / np.sqrt(motion.speed_variance)
        rest = (velocity[1:] - keep * velocity[:-1]) / np.sqrt(
            motion.speed_variance * (1 - keep ** 2))
        start = np.array([np.log(at[0, 0, 2] / 4) / 0.8])
        return np.concatenate([(np.sqrt(weight)[..., None] * off).ravel(), first, rest.ravel(),
                               start])

    solution = least_squares(residuals, (truth[:, 0] + 0.1).ravel(), xtol=1e-14, ftol=1e-14)
    np.testing.assert_allclose(clip.root, solution.x.reshape(14, 3), atol=2e-4)
    information = solution.jac.T @ solution.jac
    blocks = np.linalg.inv(information).reshape(14, 3, 14, 3)
    expected = np.array([blocks[t, :, t] for t in range(14)])
    np.testing.assert_allclose(clip.root_covariance, expected, rtol=0.02, atol=1e-7)


def test_online_is_nearly_as_good_as_the_whole_clip(rng):
    truth = wander(rng, 8, 90, 30.0, CONFIG)
    moments = list(seen(truth, rng))
    trajectory = load_trajectory(CONFIG)
    online = np.array([trajectory.update(*moment).root for moment in moments])
    whole = np.stack([solve_clip(
        *(np.array([getattr(poses, name)[i] for poses, _ in moments])
          for name in ('joints_root', 'rays', 'visibility', 'std')),
        np.arange(90) / 30, np.broadcast_to(WORLD_FROM_CAMERA, (90, 4, 4)), CONFIG).root
        for i in range(8)], 1)
    error_online, error_whole = (np.linalg.norm(r - truth, axis=-1)[15:] for r in (online, whole))
    print(f'online {1e3 * error_online.mean():.0f} mm, whole clip {1e3 * error_whole.mean():.0f}')
    assert error_whole.mean() < error_online.mean() < 2.2 * error_whole.mean()
    # The last frame of a clip has no future: there both are the same estimate.
    np.testing.assert_allclose(online[-1], whole[-1], atol=0.02)


def test_clips_that_cannot_be_placed(rng):
    arrays, poses = clip_of(wander(rng, 1, 5, 30.0, CONFIG), rng)
    with pytest.raises(InputError, match='growing times, got 5 frames'):
        solve_clip(*arrays, np.array([0, 0.1, 0.1, 0.2, 0.3]), poses)
    with pytest.raises(InputError, match='got 0 frames'):
        solve_clip(*(a[:0] for a in arrays), np.zeros(0))
    with pytest.raises(ShapeError, match=r'rays must have shape \(5, 17, 2\)'):
        solve_clip(arrays[0], arrays[1][:4], *arrays[2:], np.arange(5) / 30)


def test_clips_of_one_frame_and_of_nothing_seen(rng):
    arrays, poses = clip_of(wander(rng, 1, 4, 30.0, CONFIG), rng, hidden=(0, 4))
    clip = solve_clip(*arrays, np.arange(4) / 30, poses)
    assert np.isfinite(clip.root).all()
    assert (np.sqrt(np.trace(clip.root_covariance, axis1=1, axis2=2)) > 2).all(), 'anywhere'
    arrays, poses = clip_of(wander(rng, 1, 1, 30.0, CONFIG), rng)
    assert solve_clip(*arrays, np.zeros(1)).root[0, 2] == pytest.approx(6.5, abs=2)


@pytest.mark.parametrize('seen', [0, 1, 2, 4])
def test_few_joints_leave_the_distance_open_but_not_absurd(rng, seen):
    for _ in range(20):
        view, root = views(rng, std=0.02, seen=seen)
        found, prior = locate(view, PIXEL_STD)
        assert 1.0 < found[0, 0, 2] < 15
        information = reprojection(found, view, PIXEL_STD).information + prior.information
        spread = np.sqrt(np.linalg.inv(information[0, 0])[2, 2])
        assert abs(found[0, 0, 2] - root[2]) < 3.5 * spread
        assert spread > 0.5 or seen > 1


def test_looks_that_follow_each_other_count_less_but_add_up_alike_at_every_rate():
    assert freshness(np.array([np.inf, 10.0]), 0.05) == pytest.approx([1, 1])
    assert freshness(np.array([1e-3]), 0.0) == pytest.approx([1])
    per_second = [rate * freshness(np.array([1 / rate]), 0.05)[0] for rate in (30, 60, 240)]
    assert per_second == pytest.approx([10, 10, 10], rel=0.05)
