"""Those whose id has ended: they get it again when they come back and are recognised."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Floats, Ints
from .appearance import colour_likeness
from .population import Population

_SPEED_M_S, _SLACK_M = 2.5, 1.5     # how far somebody may have gone unseen
_DEPTH_ERROR = 0.2                  # of somebody new, as a share of the distance
_ALIKE = 0.65               # likeness from which somebody new may be somebody known
_AHEAD = 0.06               # ... if nobody else, away or here, is as like by this much


@dataclass(frozen=True)
class Absent:
    """Those whose id has ended, and who may come back."""

    people: Population
    gone_s: Floats          # (N,) since they were last seen

    def later(self, dt_s: float, forget_s: float) -> Absent:
        """The same `dt_s` later, without those who have been away too long."""
        gone_s = self.gone_s + dt_s
        keep = gone_s <= forget_s
        return Absent(self.people[keep], gone_s[keep])

    def joined_by(self, people: Population) -> Absent:
        """And some more."""
        return Absent(self.people + people, np.concatenate([self.gone_s, people.unseen_s]))

    def without(self, rows: Ints) -> Absent:
        """Those who have not come back."""
        keep = ~np.isin(np.arange(len(self.gone_s)), rows)
        return Absent(self.people[keep], self.gone_s[keep])

    def in_frame(self, b_from_a: Floats) -> Absent:
        """The same in the coordinates of another anchor frame, `b_from_a` (4, 4)."""
        return Absent(self.people.in_frame(b_from_a), self.gone_s)

    def recognised(self, people: Population, others: Population,
                   anchor_from_camera: Floats) -> Ints:
        """Which of the absent each of some new people is, -1: none, (N,); each at most once.

        Args:
            people: Who is believed, and whose clothes are seen for the first time.
            others: Who is here besides: clothes that they wear too tell nothing.
            anchor_from_camera: (4, 4).
        """
        chosen = np.full(len(people), -1)
        if not len(people) or not len(self.gone_s):
            return chosen
        alike = np.nan_to_num(colour_likeness(people.colours, self.people.colours))  # (N, A)
        depth = np.linalg.norm(people.mean[:, :3] - anchor_from_camera[:3, 3], axis=-1)
        way = np.linalg.norm(people.mean[:, None, :3] - self.people.mean[:, :3], axis=-1)
        reach = _SLACK_M + _SPEED_M_S * self.gone_s + _DEPTH_ERROR * depth[:, None]
        alike = np.where(way < reach, alike, 0.0)
        common = np.nan_to_num(colour_likeness(people.colours, others.colours)).max(1, initial=0)
        for row in np.argsort(-alike.max(1)):
            best = int(alike[row].argmax())
            rival = max(np.delete(alike[row], best).max(initial=0), common[row])
            if alike[row, best] >= _ALIKE and alike[row, best] - rival >= _AHEAD:
                chosen[row] = best
                alike[:, best] = 0.0
        return chosen


NO_ONE = Absent(Population.nobody(), np.zeros(0))
