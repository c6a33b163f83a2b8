"""The Cylinder Man in torch: the same numbers as in NumPy, and gradients that are right."""
from __future__ import annotations

import numpy as np
import pytest
from test_body_cylinder_man import person, random_people

from ros2_occpose.body import cylinder_man
from ros2_occpose.errors import ShapeError
from ros2_occpose.skeleton import COCO17

torch = pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')

from ros2_occpose.body.cylinder_torch import visibility  # noqa: E402

SOFT_M = 0.03


@pytest.mark.parametrize('points', [17, 18])
def test_it_says_what_numpy_says(rng: np.random.Generator, points: int) -> None:
    people = random_people(rng, 300)[:, :points].reshape(3, 100, points, 3).astype(np.float32)
    expected = cylinder_man.visibility(people, SOFT_M)
    assert 0.05 < (expected < 0.5).mean() < 0.6
    got = visibility(torch.as_tensor(people), SOFT_M).numpy()
    off = np.abs(got - expected)
    # float32 decides otherwise about a way that grazes a part
    assert (off > 2e-4).mean() < 1e-3
    doubles = visibility(torch.as_tensor(people, dtype=torch.float64), SOFT_M).numpy()
    assert (np.abs(doubles - expected) > 2e-4).mean() < 1e-3


def test_the_gradient_is_right(rng: np.random.Generator) -> None:
    people = torch.as_tensor(random_people(rng, 4), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: visibility(x, SOFT_M), people, eps=1e-7, atol=1e-4)
    assert visibility(people, SOFT_M).sum().requires_grad


def test_following_the_gradient_hides_a_wrist_behind_the_body() -> None:
    """From behind the person, a hand before the belly is hidden; one at the back moves there."""
    wrist = COCO17.index('left_wrist')
    body = torch.as_tensor(person(left_wrist=(0.02, -1.15, -0.02)), dtype=torch.float64)
    step = torch.zeros_like(body).requires_grad_()
    seen = []
    for _ in range(40):
        visible = visibility(body + step, SOFT_M)[wrist]
        seen.append(float(visible))
        (gradient,) = torch.autograd.grad(visible, step)
        with torch.no_grad():
            step[wrist] -= 0.01 * gradient[wrist] / gradient[wrist].norm().clamp(min=1e-9)
    assert seen[0] > 0.5
    assert seen[-1] < 0.05
    assert float(step[wrist, 2].detach()) > 0.05           # away from the camera


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r'got \(5, 16, 3\)'):
        visibility(torch.zeros(5, 16, 3), SOFT_M)
