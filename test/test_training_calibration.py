"""What a network says of its std is made to agree with the errors of held-out people."""
from __future__ import annotations

import pytest

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from ros2_occpose.geometry import RADIUS_68, RADIUS_95  # noqa: E402
from ros2_occpose.skeleton import COCO17, H36M17  # noqa: E402
from ros2_occpose.training.calibration import (  # noqa: E402
    Calibration,
    fit,
    is_seen,
    joint_sources,
)

B, T, J = 40, 50, 17


def draw(seed: int) -> tuple[torch.Tensor, ...]:
    """Errors whose std is 1.5 times what is said, three times where hidden."""
    generator = torch.Generator().manual_seed(seed)
    log_std = torch.randn(B, T, J, generator=generator) * 0.8 - 3
    seen = (torch.rand(B, T, J, generator=generator) < 0.6).float()
    true = torch.exp(log_std) * 1.5
    true = torch.where(is_seen(seen, joint_sources()), true, 2 * true)
    error = torch.randn(B, T, J, 3, generator=generator) * true[..., None]
    error[:, :, H36M17.index('hip')] = 0
    return error, log_std, torch.zeros(B, T, J, 3), seen, torch.ones(B, T)


def test_the_radii_hold_their_shares() -> None:
    gauss = torch.randn(400_000, 3, generator=torch.Generator().manual_seed(0)).norm(dim=1)
    assert (gauss < RADIUS_68).float().mean().item() == pytest.approx(0.68, abs=0.005)
    assert (gauss < RADIUS_95).float().mean().item() == pytest.approx(0.95, abs=0.005)


def test_a_factor_is_found_for_seen_and_hidden_joints() -> None:
    found = fit(*draw(0))
    assert found.seen == pytest.approx(1.5, rel=0.03)
    assert found.hidden == pytest.approx(3.0, rel=0.03)


def test_heavy_tails_are_shared_between_the_radii() -> None:
    error, log_std, target, seen, counts = draw(0)
    wild = torch.rand(B, T, J, 1, generator=torch.Generator().manual_seed(5)) < 0.1
    found = fit(torch.where(wild, 4 * error, error), log_std, target, seen, counts)
    assert 1.5 * 1.05 < found.seen < 1.5 * 1.6


def test_too_few_errors_change_nothing() -> None:
    error, log_std, target, seen, counts = (tensor[:1, :1] for tensor in draw(0))
    assert fit(error, log_std, target, seen, counts) == Calibration()


def test_a_joint_is_seen_when_all_it_is_made_of_are() -> None:
    seen = torch.ones(J)
    seen[COCO17.index('left_hip')] = 0
    visible = is_seen(seen, joint_sources())
    hidden = {joint for joint, ok in zip(H36M17.joints, visible.tolist()) if not ok}
    assert hidden == {'hip', 'left_hip', 'spine'}
