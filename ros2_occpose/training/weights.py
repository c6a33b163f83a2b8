"""From a checkpoint to the network it was saved of."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ..errors import DataError
from ..lifting.chomp_network import ChompNetwork
from ..lifting.gated_network import GatedNetwork
from ..lifting.network_config import ChompConfig, NetworkConfig, OcclusionConfig
from ..lifting.normalise import VERSION
from ..lifting.occlusion_network import OcclusionNetwork
from ..lifting.plain_network import PlainNetwork, TrajectoryNetwork

# what is only there while a network learns has names that begin so, and is in no file of weights
SCAFFOLD = 'scaffold.'
NETWORKS: dict[str, Callable[[Any], nn.Module]] = {
    'plain': PlainNetwork, 'gated': GatedNetwork, 'trajectory': TrajectoryNetwork,
    'occlusion_aware': OcclusionNetwork, 'chomp': ChompNetwork}
_CONFIGS: dict[str, type[NetworkConfig]] = {'occlusion_aware': OcclusionConfig,
                                            'chomp': ChompConfig}


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
    network = build(_CONFIGS.get(shape['system'], NetworkConfig)(**shape))
    network.load_state_dict({name: weights for name, weights in state['weights'].items()
                             if not name.startswith(SCAFFOLD)})
    return network.eval()
