"""People with known key points in real and in rendered pictures, described alike."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from measure_detector import AREA_OF_BOX, annotated

from ros2_occpose.skeleton import COCO17
from ros2_occpose.types import Bools, Floats, Image

SIDE_PX = 640                   # longer side to which real pictures are brought, as rendered ones
FACE = COCO17.indices('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')
_ANKLES = COCO17.indices('left_ankle', 'right_ankle')
_LEAST_JOINTS = 8               # labelled, of a person who counts


@dataclass(frozen=True)
class Person:
    """Somebody in a picture, in coco17."""

    keypoints_px: Floats        # (17, 2)
    labelled: Bools             # (17,) as annotators do: what can be seen or told
    seen: Bools                 # (17,) not hidden
    hidden: Bools               # (17,) known to be there, and hidden
    box_px: Floats              # (4,) around what is seen
    area_px: float              # of what is seen

    @cached_property
    def height_px(self) -> float:
        """Longer side of the box around the labelled points."""
        return float(np.ptp(self.keypoints_px[self.labelled], axis=0).max())

    @property
    def whole(self) -> bool:
        """Whether head and feet are labelled, so that the height is the person's."""
        return bool(self.labelled[FACE].any() and self.labelled[_ANKLES].any())

    @property
    def counts(self) -> bool:
        """Whether enough of the person is labelled for a detector to be blamed."""
        return bool(self.labelled.sum() >= _LEAST_JOINTS)


def real_people(folder: Path) -> Iterator[tuple[str, Image, list[Person]]]:
    """Name of the collection, picture and people of the labelled stills.

    Raises:
        InputError: A picture is missing.
    """
    for name, image, names, said in annotated(folder):
        scale = SIDE_PX / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale,
                           interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        people = [_person(a, names, scale, name) for a in said]
        yield name, np.asarray(small, np.uint8), [p for p in people if p.labelled.any()]


def _person(annotation: dict, names: list[str], scale: float, collection: str) -> Person:
    given = dict(zip(names, np.array(annotation['keypoints'], float).reshape(-1, 3), strict=True))
    rows = np.array([given.get(joint, np.zeros(3)) for joint in COCO17.joints])     # (17, 3)
    x, y, wide, high = annotation['bbox']
    area = annotation.get('area', AREA_OF_BOX * wide * high)
    labelled = rows[:, 2] > 0
    # PoseTrack knows no hidden points: 1 is labelled.
    seen = labelled if collection == 'posetrack18' else rows[:, 2] > 1
    return Person(rows[:, :2] * scale, labelled, seen, labelled & ~seen,
                  np.array([x, y, x + wide, y + high]) * scale, area * scale * scale)
