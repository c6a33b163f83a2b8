"""From a checkpoint to the network it was saved of."""
from __future__ import annotations

from typing import Any

from torch import nn

from ..errors import DataError
from ..lifting.gated_network import GatedNetwork
from ..lifting.network_config import NetworkConfig
from ..lifting.normalise import VERSION
from ..lifting.plain_network import PlainNetwork, TrajectoryNetwork

NETWORKS: dict[str, type[PlainNetwork | GatedNetwork | TrajectoryNetwork]] = {
    'plain': PlainNetwork, 'gated': GatedNetwork, 'trajectory': TrajectoryNetwork}


def build(config: NetworkConfig) -> nn.Module:
    """The untrained network of a system."""
    return NETWORKS[config.system](config)


def network_of(state: dict[str, Any]) -> nn.Module:
    """The trained network of a checkpoint, ready to answer.

    Raises:
        DataError: It was trained on another normalisation than this package's.
    """
    if state['normalisation'] != VERSION:
        raise DataError(
            f'Expected a checkpoint of normalisation {VERSION}, got {state["normalisation"]}; '
            'train again.'
        )
    shape = {**state['network'], 'dilations': tuple(state['network']['dilations'])}
    network = build(NetworkConfig(**shape))
    network.load_state_dict(state['weights'])
    return network.eval()
