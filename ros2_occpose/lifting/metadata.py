"""What a lifting network's file says about itself, and what this package can feed."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import ModelError
from ..inference import Session
from ..skeleton import COCO17, H36M17
from .normalise import VERSION
from .sequence import FILLS, Fill

FPS = 30
_PROMISES = {'normalisation': VERSION, 'fps': str(FPS), 'input_skeleton': COCO17.name,
             'output_skeleton': H36M17.name}


@dataclass(frozen=True, kw_only=True)
class NetworkMeta:
    """Travels with the weights as `metadata_props` of ONNX."""

    system: str                     # gated, plain ...
    causal: bool
    fill: Fill
    receptive_field: int
    dilations: tuple[int, ...]
    kernel: int = 3                 # taps of a layer that looks at several frames
    body: str = ''                  # whose shape parameters it answers with; '': none
    about: Mapping[str, str] = field(default_factory=dict)     # commit, seed, steps, shape ...

    def as_properties(self) -> dict[str, str]:
        """For `metadata_props`."""
        return {**self.about, **_PROMISES, 'system': self.system, 'body': self.body,
                'causal': str(self.causal).lower(), 'fill': self.fill,
                'receptive_field': str(self.receptive_field),
                'dilations': ','.join(map(str, self.dilations)), 'kernel': str(self.kernel)}

    @staticmethod
    def of(session: Session) -> NetworkMeta:
        """Read and check what a file says.

        Raises:
            ModelError: It is no lifter, or one that this package cannot feed.
        """
        said = dict(session.metadata)
        for name, wanted in _PROMISES.items():
            if said.get(name) != wanted:
                raise ModelError(
                    f'The lifter expects a model with {name} = {wanted}, got {said.get(name)!r}; '
                    'export it again with `occpose export`, or choose another --lifter.'
                )
        try:
            return NetworkMeta(
                system=said['system'],
                causal={'true': True, 'false': False}[said['causal']],
                fill=FILLS[FILLS.index(said['fill'])],
                receptive_field=int(said['receptive_field']),
                dilations=tuple(int(d) for d in said['dilations'].split(',')),
                kernel=int(said.get('kernel', '3')),
                body=said.get('body', ''),
                about=said,
            )
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"The lifter's metadata lacks or garbles {error}; export it again with "
                '`occpose export`.'
            ) from error
