"""The standard parts of a ROS installation that tests need: skipped without, unless demanded."""
import importlib
import os
from types import ModuleType

import pytest

DEMANDED = 'OCCPOSE_STANDARD_PARTS'       # set to `required` by scripts/check_standard_parts.sh


def part(name: str) -> ModuleType:
    """A module of a ROS installation."""
    try:
        return importlib.import_module(name)
    except Exception as error:      # cv_bridge dies in several ways under another NumPy
        without(f'needs {name.partition(".")[0]} of a ROS installation: {error}')


def without(reason: str) -> None:
    """End the test: skipped, or failed where the parts have been demanded."""
    if os.environ.get(DEMANDED) == 'required':
        pytest.fail(f'{reason} ({DEMANDED}=required)')
    pytest.skip(reason)
