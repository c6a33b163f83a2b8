"""What all tests share: data, random numbers, and what to do where ROS or a GPU is missing."""
import ctypes
import importlib.util
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from node_processes import lock_domain

ROOT = Path(__file__).resolve().parent.parent
NO_ROS = 'needs ROS 2 and the built workspace: bash scripts/bootstrap.sh && source scripts/env.sh'
NO_GPU = 'needs an NVIDIA GPU and its driver'


def has_ros() -> bool:
    """Whether rclpy and our messages can be imported."""
    if importlib.util.find_spec('rclpy') is None:
        return False
    return importlib.util.find_spec('ros2_occpose.msg') is not None


def has_gpu() -> bool:
    """Whether the CUDA driver is there and finds a device."""
    try:
        driver = ctypes.CDLL('libcuda.so.1')
    except OSError:
        return False
    count = ctypes.c_int()
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return not failed and count.value > 0


class WithoutRos(pytest.Module):
    """A module of test/ros on a machine without ROS: not imported, but reported."""

    def collect(self) -> list[pytest.Item]:
        pytest.skip(NO_ROS, allow_module_level=True)


def pytest_configure() -> None:
    """Keep ROS traffic on this machine, for the processes that tests start too."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


def pytest_pycollect_makemodule(module_path: Path,
                                parent: pytest.Collector) -> pytest.Module | None:
    """Report the modules of test/ros as skipped where ROS is missing."""
    if ROOT / 'test' / 'ros' in module_path.parents and not has_ros():
        return WithoutRos.from_parent(parent, path=module_path)
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark all of test/ros, and skip what this machine cannot run."""
    if ROOT / 'test' / 'ros' in item.path.parents:
        item.add_marker('needs_ros')
    if item.get_closest_marker('needs_ros') and not has_ros():
        item.add_marker(pytest.mark.skip(reason=NO_ROS))
    if item.get_closest_marker('needs_gpu') and not has_gpu():
        item.add_marker(pytest.mark.skip(reason=NO_GPU))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that depend on the name of the test only."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Folder of videos, images, motion capture and weights that cannot lie in the repository."""
    chosen = os.environ.get('OCCPOSE_DATA')
    folder = Path(chosen) if chosen else ROOT.parent / 'shared' / 'data'
    if not folder.is_dir():
        if chosen:
            pytest.fail(f'OCCPOSE_DATA={chosen} is not a folder.')
        pytest.skip(f'needs test data: {folder} does not exist, set OCCPOSE_DATA')
    return folder


@pytest.fixture(autouse=True)
def ros_domain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each ROS test a ROS_DOMAIN_ID that no other test on this machine uses meanwhile.

    Start nodes in the test or in fixtures of its scope: what lives longer keeps an older domain.
    """
    if not request.node.get_closest_marker('needs_ros'):
        yield
        return
    with lock_domain() as domain:
        monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
        yield
