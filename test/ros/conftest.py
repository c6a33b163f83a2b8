"""What the ROS tests share; imports no ROS, so that it loads without it."""
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from borrowed_interfaces import CannotBuildError, borrow
from processes import Process


@pytest.fixture
def run(tmp_path: Path, ros_domain: None) -> Iterator[Callable[..., Process]]:
    """Start a Python process with some arguments; all are ended after the test."""
    processes: list[Process] = []

    def start(*arguments: str) -> Process:
        processes.append(Process(tmp_path / f'log_{len(processes)}', *arguments))
        return processes[-1]

    yield start
    for process in processes:
        process.finish()


@pytest.fixture(scope='session')
def borrowed() -> None:
    """people_msgs, vision_msgs and hri_msgs can be imported."""
    try:
        borrow()
    except CannotBuildError as error:
        pytest.skip(f'needs people_msgs, vision_msgs and hri_msgs, or to build them: {error}')
