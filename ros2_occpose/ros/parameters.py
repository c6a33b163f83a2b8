"""ROS parameters derived from the configuration dataclasses: names, texts, ranges, choices."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import Field
from difflib import get_close_matches
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from ..config import NodeConfig, PipelineConfig, flatten, override
from ..errors import ConfigError

C = TypeVar('C')
UNBOUNDED = 1e9


class Parameters:
    """The node's parameters as configurations; wrong values are refused with the reason.

    Raises:
        ConfigError: A value given at the start cannot work.
    """

    def __init__(self, node: Node, configured: Callable[[], bool]) -> None:
        self.pipeline = declare(node, PipelineConfig())
        self.node = declare(node, NodeConfig())
        self._configured = configured
        for name, likely in misspelt(node, [self.pipeline, self.node]):
            node.get_logger().warning(f'Parameter {name} is not one of this node and does '
                                      f'nothing; is {likely} meant? See docs/parameters.md.')
        node.add_on_set_parameters_callback(self._on_set)

    def _on_set(self, changes: list[Parameter]) -> SetParametersResult:
        values = {change.name: change.value for change in changes}
        ours = {name: leaf for config in (self.pipeline, self.node)
                for name, leaf, _ in flatten(config) if name in values}
        fixed = sorted(name for name, leaf in ours.items() if not leaf.metadata['live'])
        if fixed and self._configured():
            return SetParametersResult(successful=False, reason=(
                f'{", ".join(fixed)} cannot change while the node is configured; deactivate and '
                'clean it up first (ros2 lifecycle set NODE deactivate, then cleanup).'))
        try:
            new_pipeline = _changed(self.pipeline, values)
            new_node = _changed(self.node, values)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if new_pipeline != self.pipeline:
            self.pipeline = new_pipeline
        self.node = new_node
        return SetParametersResult(successful=True)


def declare(node: Node, config: C) -> C:
    """Declare one parameter per leaf of `config`; the configuration with the overrides applied.

    Raises:
        ConfigError: An override is of the wrong type or out of bounds.
    """
    values = {}
    for name, leaf, default in flatten(config):
        try:
            value = _declare(node, name, default, describe(leaf, default))
        except (ParameterException, ConfigError) as error:
            raise ConfigError(f'Parameter {name}: {error}; {leaf.metadata["help"]}') from error
        values[name] = value
    return override(config, values)


def misspelt(node: Node, configs: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Parameters given at the start that nobody reads, each with the name that is likely meant.

    Those that resemble none of ours are left alone: a section `/**` may speak of other nodes.
    """
    known = [name for config in configs for name, _, _ in flatten(config)]
    # rclpy keeps what was given here, and tells nobody else.
    for name in getattr(node, '_parameter_overrides', ()):
        likely = get_close_matches(name, known, n=1)
        if likely and name not in known:
            yield name, likely[0]


def _changed(config: C, values: Mapping[str, Any]) -> C:
    """With those of the values that belong to it."""
    names = {name for name, _, _ in flatten(config)} & set(values)
    return override(config, {name: values[name] for name in names})


def describe(leaf: Field[Any], default: Any) -> ParameterDescriptor:
    """What `ros2 param describe` says of a field."""
    low, high, choices = (leaf.metadata.get(key) for key in ('ge', 'le', 'choices'))
    descriptor = ParameterDescriptor(description=leaf.metadata['help'])
    if choices:
        descriptor.additional_constraints = f'One of {", ".join(choices)}.'
    if low is not None or high is not None:
        low = -UNBOUNDED if low is None else low
        high = UNBOUNDED if high is None else high
        if isinstance(default, int):
            bounds = IntegerRange(from_value=int(low), to_value=int(high), step=1)
            descriptor.integer_range = [bounds]
        else:
            bounds = FloatingPointRange(from_value=float(low), to_value=float(high))
            descriptor.floating_point_range = [bounds]
    return descriptor


def _declare(node: Node, name: str, default: Any, about: ParameterDescriptor) -> Any:
    default = list(default) if isinstance(default, tuple) else default
    try:
        return node.declare_parameter(name, default, about).value
    except InvalidParameterTypeException:
        value = _as_floats(_override_of(node, name), default)
        return node.declare_parameter(name, value, about, ignore_override=True).value


def _as_floats(value: Any, default: Any) -> Any:
    """`2` where `2.0` is wanted: people write it, ROS refuses it."""
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(default, list) and not isinstance(value, (str, int, float)):
        return [float(number) for number in value]
    raise ConfigError(f'expected {type(default).__name__}, got {value!r}')


def _override_of(node: Node, name: str) -> Any:
    """The value given at the start, of whatever type."""
    value = node.declare_parameter(name, descriptor=ParameterDescriptor(dynamic_typing=True)).value
    node.undeclare_parameter(name)
    return value
