"""people_msgs/People for social costmaps."""
from __future__ import annotations

import numpy as np
from rclpy.node import Node

from ...config import BridgesConfig
from ...recording.humans import Humans
from ...types import Frame, TrackState
from ..conversions import header
from .parts import Names, Publishers, point, required
from .selection import believed

TOPIC = '/people'      # Nav2's social layers listen there and nowhere else


class PeopleBridge:
    """Everybody's place and velocity in the world frame; an empty list clears.

    The stamp is that of the image, so that TF knows it: a costmap drops the whole list where it
    cannot transform at exactly this time, and `now` would be later than the newest odometry.

    Raises:
        ConfigError: people_msgs is missing.
    """

    def __init__(self, node: Node, names: Names) -> None:
        self._people_type = required('people_msgs/People', 'bridges.people')
        self._person_type = required('people_msgs/Person', 'bridges.people')
        self._publishers = Publishers(node)
        self._publisher = self._publishers(self._people_type, names.topic(TOPIC))
        self._last: tuple[int, str] | None = None        # stamp and frame of the last list

    def publish(self, humans: Humans, frame: Frame, config: BridgesConfig) -> None:
        """Everybody who is believed to be there, seen or hidden."""
        self._last = humans.stamp_ns, humans.frame_id
        std = np.sqrt(np.maximum(humans.root_covariance[:, [0, 1], [0, 1]].max(-1), 0))  # (N,)
        people = [self._person_type(
            name=f'human_{humans.ids[i]}', position=point(humans.root[i]),
            velocity=point(np.nan_to_num(humans.velocity[i])),
            reliability=float(humans.confidence[i]), tagnames=['state', 'position_std'],
            tags=[TrackState(humans.states[i]).name, f'{std[i]:.3f}'],
        ) for i in np.flatnonzero(believed(humans))]
        self._publisher.publish(self._people_type(header=header(*self._last), people=people))

    def clear(self) -> None:
        """Nobody, at a time and in a frame that the costmap has already accepted."""
        if self._last is not None:
            self._publisher.publish(self._people_type(header=header(*self._last), people=[]))

    def close(self) -> None:
        """Stop publishing."""
        self._publishers.close()
