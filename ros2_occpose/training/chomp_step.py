"""The causal CHOMP frame by frame: remembered keys and values go in, new ones come out."""
from __future__ import annotations

from torch import Tensor, nn

from ..lifting.chomp_network import ChompNetwork, LocalLayer
from ..lifting.normalise import FEATURES, JOINTS
from .calibration import Calibrated


class ChompStepModule(nn.Module):
    """One frame of N people.

    Inputs: features (N, FEATURES); age (N, 1), how many frames were remembered of each; `entries`
    (R', N, 17 E), entries of the frames before; for each temporal layer `keys_i` and `values_i`
    (R, N, C). All of the past is oldest first, and anything where there was no frame, but entries,
    which are 0 there. Outputs: joints (N, 17, 3) [m] in view axes, std (N, 17) [m], rotations
    (N, 24, 3, 3), betas (N, 10), and `now_` + name of what is to be remembered.
    """

    def __init__(self, calibrated: Calibrated) -> None:
        super().__init__()
        network = calibrated.network
        assert isinstance(network, ChompNetwork)
        assert network.config.causal
        self.calibrated, self.config, self.network = calibrated, network.config, network

    def pasts(self) -> dict[str, tuple[int, int]]:
        """Name -> frames and width of what is remembered, in the order of the inputs."""
        c = self.config
        out = {'entries': (c.ring, JOINTS * c.embedding)} if c.has('local') else {}
        for layer in range(c.temporal_layers):
            out |= {f'{kind}_{layer}': (c.reach, c.width) for kind in ('keys', 'values')}
        return out

    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of an input for three people."""
        return {'features': (3, FEATURES), 'age': (3, 1),
                **{name: (frames, 3, width) for name, (frames, width) in self.pasts().items()}}

    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return ['joints', 'std', 'rotations', 'betas', *(f'now_{name}' for name in self.pasts())]

    def forward(self, features: Tensor, age: Tensor, *pasts: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        prior, rest = self.network.prior, list(pasts)
        now: list[Tensor] = []
        entries = prior.entries(features)                                  # (N, 17, E)
        if isinstance(prior.local, LocalLayer):
            now.append(entries.flatten(1))
            past = rest.pop(0).transpose(0, 1)
            past = past.reshape(*past.shape[:2], JOINTS, -1)
            f = prior.local.step(entries, past)
        else:
            f = prior.local(entries)
        f = prior.with_frame(f, features)
        flat = prior.joints(f)
        t = prior.into(flat)
        for block, bias in zip(prior.blocks, prior.biases):
            keys, values = rest.pop(0), rest.pop(0)
            t, key, value = block.step(t, keys.transpose(0, 1), values.transpose(0, 1),  # type: ignore[operator]
                                       bias.of_past(age))                # type: ignore[operator]
            now += [key, value]
        motion = self.network.heads(f, flat + prior.out(t))
        joints, log_std, rotations, betas = self.network.answers(motion)
        return joints, self.calibrated.std(log_std, features), rotations, betas, *now
