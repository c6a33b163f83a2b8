"""What a rendered person looks like: shape, skin, hair, clothes, all drawn from a seed."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ..body.human import Phenotype

Colour = tuple[float, float, float]          # RGB, 0 to 1
PATTERNS = ('plain', 'stripes', 'upright', 'checks', 'dots', 'mottled', 'print')

_STATURE_M = ((1.625, 0.064), (1.755, 0.070))          # women, men: as in training.people.statures
_GROWING, _OLD = 0.08, 0.15                            # shares of children and youths, and of old
# Skin from light to dark; people lie between two neighbours.
_SKIN = ((0.93, 0.78, 0.70), (0.87, 0.68, 0.57), (0.78, 0.57, 0.44), (0.64, 0.44, 0.32),
         (0.48, 0.32, 0.23), (0.33, 0.22, 0.16))
_HAIR = ((0.06, 0.05, 0.05), (0.13, 0.09, 0.07), (0.24, 0.15, 0.09), (0.42, 0.27, 0.15),
         (0.65, 0.50, 0.30), (0.48, 0.20, 0.10), (0.62, 0.61, 0.60))
_EYES = ((0.25, 0.15, 0.08), (0.35, 0.25, 0.12), (0.30, 0.42, 0.52), (0.32, 0.42, 0.28))
_SHOES = ((0.06, 0.06, 0.07), (0.9, 0.9, 0.88), (0.32, 0.2, 0.12), (0.5, 0.5, 0.52),
          (0.1, 0.13, 0.25), (0.7, 0.12, 0.12))
_TROUSERS = ((0.12, 0.16, 0.27), (0.25, 0.33, 0.46), (0.08, 0.08, 0.09), (0.42, 0.36, 0.28),
             (0.30, 0.30, 0.32), (0.62, 0.56, 0.46), (0.22, 0.26, 0.2))


@dataclass(frozen=True, kw_only=True)
class Fabric:
    """A cloth."""

    colour: Colour
    second: Colour
    pattern: str                    # one of PATTERNS
    size_m: float                   # of the pattern
    folds: float                    # strength of their shading


@dataclass(frozen=True, kw_only=True)
class Look:
    """Everything that makes a person look as they do; places are on the base mesh [m]."""

    phenotype: Phenotype
    stature_m: float
    skin: Colour
    hair: Colour
    eyes: Colour
    hair_m: float                   # thickness of the hair; 0 bald
    hairline: float                 # 0 low, 1 receded
    long_hair: float                # how far down long hair falls, 0 none, 1 to the waist
    beard: float                    # 0 none to 1 full
    glasses: bool
    top: Fabric
    sleeve: float                   # 0 none, 1 elbow, 2 wrist
    neckline: str                   # crew, deep or high
    hem: float                      # height of the top's lower end
    loose_top_m: float
    open_front: bool                # a jacket over a shirt of the second colour
    bottom: Fabric
    leg: float                      # 0 hip, 1 knee, 2 ankle
    loose_bottom_m: float
    skirt: float                    # length as of `leg`, 0 none
    shoes: Colour
    sole: Colour
    shoe_height: float              # above the ankle
    folds_seed: int


def draw_look(seed: int) -> Look:
    """The look of somebody; the same seed gives the same."""
    rng = np.random.default_rng([seed, 0x10_0C])
    male = bool(rng.random() < 0.5)
    phenotype, stature = _draw_shape(rng, male)
    old = phenotype.age > 0.75
    hair = _mixed(rng, _HAIR[:6] if not old else (_HAIR[2], _HAIR[6]))
    long_hair = float(rng.uniform(0.1, 0.9)) if rng.random() < (0.08 if male else 0.65) else 0.0
    skirt = float(rng.uniform(0.6, 1.7)) if not male and rng.random() < 0.25 else 0.0
    top = _draw_fabric(rng, None)
    dress = skirt > 0 and rng.random() < 0.5
    bottom = top if dress else _draw_fabric(rng, None if skirt else _TROUSERS)
    sleeve = float(rng.choice([0.05, 0.5, 0.75, 1.3, 1.95, 1.95]))
    leg = float(rng.choice([0.55, 0.9, 1.9, 1.92, 1.95, 1.95, 1.95]))
    return Look(
        phenotype=phenotype, stature_m=stature, skin=_mixed(rng, _SKIN, neighbours=True),
        hair=hair, eyes=_mixed(rng, _EYES), folds_seed=int(rng.integers(1 << 30)),
        hair_m=0.0 if male and rng.random() < 0.12 else float(rng.uniform(0.006, 0.028)),
        hairline=float(rng.uniform(0, 1.0 if male else 0.3)), long_hair=long_hair,
        beard=float(rng.uniform(0.2, 1)) if male and rng.random() < 0.35 else 0.0,
        glasses=bool(rng.random() < 0.2), top=top, sleeve=sleeve,
        neckline=str(rng.choice(['crew', 'crew', 'deep', 'high'])),
        hem=float(rng.choice([0.12, rng.uniform(-0.06, 0.06)])),
        loose_top_m=float(rng.uniform(0.004, 0.022)),
        open_front=bool(sleeve > 1.5 and rng.random() < 0.3),
        bottom=bottom, leg=0.8 * min(skirt, 1.0) if skirt else leg, skirt=skirt,
        loose_bottom_m=float(rng.uniform(0.003, 0.02)),
        shoes=_mixed(rng, _SHOES), sole=_mixed(rng, ((0.9, 0.9, 0.9), (0.1, 0.1, 0.1))),
        shoe_height=float(rng.choice([-0.02, -0.01, 0.0, 0.02, 0.1])))


def _draw_shape(rng: Generator, male: bool) -> tuple[Phenotype, float]:
    mean, std = _STATURE_M[male]
    stature = mean + std * float(np.clip(rng.normal(), -2.5, 2.5))
    kind = rng.random()
    age = float(rng.uniform(0.45, 0.72))
    if kind < _GROWING:
        age = float(rng.uniform(0.2, 0.4))
        stature *= 0.62 + 0.38 * float(np.interp(age, [0.1, 0.45], [0.35, 1]))
    elif kind < _GROWING + _OLD:
        age = float(rng.uniform(0.75, 1.0))
    origins = rng.dirichlet([0.6, 0.6, 0.6])
    return Phenotype(
        sex=float(np.clip((0.95 if male else 0.05) + 0.1 * rng.normal(), 0, 1)), age=age,
        muscle=float(np.clip(rng.normal(0.55 if male else 0.45, 0.15), 0.1, 0.95)),
        weight=float(np.clip(rng.normal(0.52, 0.17), 0.1, 0.95)),
        height=float(np.clip(rng.normal(0.5, 0.08), 0.3, 0.7)),
        proportions=float(np.clip(rng.normal(0.55, 0.2), 0, 1)),
        african=float(origins[0]), asian=float(origins[1]), caucasian=float(origins[2])), stature


def _draw_fabric(rng: Generator, colours: tuple[Colour, ...] | None) -> Fabric:
    if colours is not None:
        colour, pattern = _mixed(rng, colours), 'plain' if rng.random() < 0.85 else 'mottled'
    else:
        colour = _any_colour(rng)
        pattern = str(rng.choice(PATTERNS, p=[0.45, 0.14, 0.06, 0.12, 0.04, 0.07, 0.12]))
    return Fabric(colour=colour, second=_any_colour(rng), pattern=pattern,
                  size_m=float(rng.uniform(0.015, 0.06)), folds=float(rng.uniform(0.5, 1.2)))


def _any_colour(rng: Generator) -> Colour:
    """As clothes are: mostly muted, often nearly black, white or grey."""
    grey = float(rng.choice([0.07, 0.25, 0.5, 0.8, 0.93])) * float(rng.uniform(0.85, 1.05))
    hue = rng.random(3)
    hue = hue / hue.max() * rng.uniform(0.25, 0.95)
    share = float(rng.choice([0.05, 0.35, 0.7, 1.0], p=[0.3, 0.2, 0.3, 0.2]))
    red, green, blue = np.clip((1 - share) * grey + share * hue, 0.02, 0.97)
    return float(red), float(green), float(blue)


def _mixed(rng: Generator, colours: tuple[Colour, ...], neighbours: bool = False) -> Colour:
    """A colour of a list, or between two neighbours of it, a little lighter or darker."""
    at = rng.uniform(0, len(colours) - 1) if neighbours else float(rng.integers(len(colours)))
    places = np.arange(len(colours))
    values = np.array([np.interp(at, places, channel) for channel in zip(*colours)])
    red, green, blue = np.clip(values * rng.uniform(0.88, 1.1), 0.02, 0.97)
    return float(red), float(green), float(blue)
