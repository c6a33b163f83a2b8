"""A causal gated network, one frame at a time: what its layers must remember lives here."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import ModelError
from ..inference import Session
from ..skeleton import COCO17, H36M17
from ..types import Floats
from .normalise import FEATURES, VERSION

FPS = 30
SYSTEM = 'gated'
_KERNEL = 3


@dataclass(frozen=True, kw_only=True)
class GatedMeta:
    """What a gated network's file says about itself."""

    causal: bool
    channels: int
    dilations: tuple[int, ...]
    receptive_field: int
    about: Mapping[str, str] = field(default_factory=dict)     # commit, seed, steps ...

    def as_properties(self) -> dict[str, str]:
        """For `metadata_props` of ONNX."""
        return {
            **self.about,
            **_promises(),
            'causal': str(self.causal).lower(),
            'channels': str(self.channels),
            'dilations': ','.join(map(str, self.dilations)),
            'receptive_field': str(self.receptive_field),
        }

    @staticmethod
    def of(session: Session) -> GatedMeta:
        """Read and check what a file says.

        Raises:
            ModelError: It is no gated network, or one that this package cannot feed.
        """
        said = dict(session.metadata)
        for name, wanted in _promises().items():
            if said.get(name) != wanted:
                raise ModelError(
                    f'The lifter expects a model with {name} = {wanted}, got {said.get(name)!r}; '
                    'export it again with `occpose export`, or choose another --lifter.'
                )
        try:
            dilations = tuple(int(d) for d in said['dilations'].split(','))
            return GatedMeta(
                causal={'true': True, 'false': False}[said['causal']],
                channels=int(said['channels']),
                dilations=dilations,
                receptive_field=int(said['receptive_field']),
                about=said,
            )
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"The lifter's metadata lacks or garbles {error}; export it again with "
                '`occpose export`.'
            ) from error


def _promises() -> dict[str, str]:
    return {'system': SYSTEM, 'normalisation': VERSION, 'fps': str(FPS), 'kernel': str(_KERNEL),
            'input_skeleton': COCO17.name, 'output_skeleton': H36M17.name}


class StepNetwork:
    """One frame at a time of N people, each with a past of its own.

    The past of a layer with dilation d is a ring of 2 d frames. Before somebody's first frame it
    holds zeros, as the padding of the network does.

    Raises:
        ModelError: The network is not causal or does not fit this package.
    """

    def __init__(self, session: Session) -> None:
        self.meta = GatedMeta.of(session)
        if not self.meta.causal:
            raise ModelError(
                'Expected a causal network to run frame by frame, got one that looks both ways; '
                'choose a lifter whose name ends in _causal, or use `occpose lift`.'
            )
        self._session = session
        self.backend = session.backend
        self._time = 0
        widths = [(FEATURES, len(COCO17.joints))] + [(self.meta.channels,) * 2] * (
            len(self.meta.dilations) - 1
        )
        self._rings = [tuple(np.zeros((2 * d, 0, w), np.float32) for w in pair)
                       for d, pair in zip(self.meta.dilations, widths)]

    def __len__(self) -> int:
        return self._rings[0][0].shape[1]

    def choose(self, rows: Sequence[int]) -> None:
        """Go on with these people of now, in this order; -1 is somebody new."""
        index = np.asarray(rows, int)
        self._rings = [tuple(_chosen(ring, index) for ring in pair) for pair in self._rings]

    def step(
        self, features: Floats, seen: Floats, *, remember: bool = True
    ) -> tuple[Floats, Floats]:
        """Joints (N, 17, 3) [m] in view axes and std (N, 17) [m] of a frame.

        Args:
            features: (N, FEATURES) of `normalise`.
            seen: (N, 17).
            remember: Whether this frame becomes part of the past.
        """
        arrays: dict[str, Floats] = {'features': features, 'seen': seen}
        for i, (d, pair) in enumerate(zip(self.meta.dilations, self._rings)):
            for kind, ring in zip(('features', 'masks'), pair):
                oldest, older = ring[self._time % (2 * d)], ring[(self._time + d) % (2 * d)]
                arrays[f'past_{kind}_{i}'] = np.concatenate([oldest, older], axis=1)
        out = self._session(arrays)
        if remember:
            now = out | {'now_features_0': features, 'now_masks_0': seen}
            for i, (d, pair) in enumerate(zip(self.meta.dilations, self._rings)):
                for kind, ring in zip(('features', 'masks'), pair):
                    ring[self._time % (2 * d)] = now[f'now_{kind}_{i}']
            self._time += 1
        return out['joints'], out['std']

    def sequence(self, features: Floats, seen: Floats) -> tuple[Floats, Floats]:
        """Joints (B, T, 17, 3) and std (B, T, 17) of sequences of new people, frame by frame."""
        self.choose([-1] * len(features))
        answers = [self.step(features[:, t], seen[:, t]) for t in range(features.shape[1])]
        return np.stack([a[0] for a in answers], 1), np.stack([a[1] for a in answers], 1)


def _chosen(ring: Floats, index: Floats) -> Floats:
    out = np.zeros((ring.shape[0], len(index), ring.shape[2]), np.float32)
    old = index >= 0
    out[:, old] = ring[:, index[old]]
    return out
