"""The tracker: the life of ids."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..config import TrackingConfig
from ..errors import InputError
from ..geometry import Camera, invert, se3
from ..types import Detections, Floats, Frame, Ints, Tracks, TrackState
from .absent import NO_ONE
from .association import associate, coincident, joint_likeness, repeated
from .egomotion import ImageMotion
from .population import Outlook, Population, corrected, expect, newcomers, shift
from .sighting import Sightings, look
from .view import View

Mask = NDArray[np.bool_]
_TENTATIVE_GAP_S = 0.15       # for which somebody who is not yet believed may be unseen
_MERGED_S = 0.4               # after which two people at one place are one
_MISSED = 2.2                 # intervals: one missed frame is bridged at any frame rate ...
_BRIDGE_S = 0.5               # ... up to this time, however short the gaps allowed
_MIN_INSIDE = 0.3             # share of the joints in the image, below which a person has left it
_SECOND_VIEW = 0.5            # likeness to somebody seen that begins no new track
_UPRIGHT = 0.3                # how much less people change their velocity up and down
_JUMP_M_S, _JUMP_RAD_S = 15.0, 15.0     # no camera moves so fast: its pose was corrected


class PeopleTracker:
    """Gives people an id and keeps it through occlusion; see `types.Tracker`.

    People live in an anchor frame: the world if the camera pose is known, else a frame in which
    the camera only turns, as its images say. Their distance is a rough guess from their size, good
    enough to subtract the camera's own motion and to know who can be where.
    """

    def __init__(self, config: TrackingConfig) -> None:
        self._config = config
        self._next_id = 1
        self._view: View | None = None        # of the last frame's camera
        self.reset()

    def reset(self) -> None:
        """Forget everybody; later people get new ids."""
        self._people = Population.nobody()
        self._absent = NO_ONE
        self._stamp_ns: int | None = None
        self._camera: Floats = np.eye(4)      # anchor_from_camera
        self._camera_known = False
        self._image_motion = ImageMotion()

    def adjust(self, config: TrackingConfig) -> None:
        """Take over another configuration."""
        self._config = config

    def update(self, detections: Detections, frame: Frame) -> Tracks:
        """Everybody in this frame, in the order of ids; LOST are those whose id ends in it.

        Raises:
            InputError: The stamp is not later than that of the last frame.
        """
        dt_s = self._elapsed(frame.stamp_ns)
        self._move_camera(frame, dt_s)
        people = self._people.after(dt_s, self._agility())
        outlook = expect(people, self._camera)
        seen = look(detections, frame, self._config.min_visibility)
        seen = seen[~repeated(seen)]
        confident = seen.score >= self._config.confident_score
        view = self._view_of(frame.camera)
        limit_s = self._patience(people, view.shows(outlook.points[:, :17]).mean(1))
        chosen = self._choose(people, outlook, seen, confident, limit_s, dt_s)
        people = self._see(people, outlook, seen, chosen, dt_s)
        people = self._merge(people, chosen, dt_s)
        ended = ((chosen < 0) & (people.unseen_s > limit_s)) | (people.merged_s > _MERGED_S)

        born = _unclaimed(seen, confident, chosen)
        if len(born):
            people = people + newcomers(seen[born], self._next_id, self._camera)
            self._next_id += len(born)
            chosen = np.concatenate([chosen, born])
            ended = np.concatenate([ended, np.zeros(len(born), bool)])
        people, order = self._recognise(people, chosen, dt_s)
        chosen, ended = chosen[order], ended[order]
        if ended.any():
            self._absent = self._absent.joined_by(people[ended & self._believed(people)])
        self._people = people[~ended] if ended.any() else people
        return self._report(people, seen, chosen, ended, view)

    def _view_of(self, camera: Camera) -> View:
        if self._view is None or self._view.camera is not camera:
            self._view = View.of(camera)
        return self._view

    def _elapsed(self, stamp_ns: int) -> float:
        """Seconds since the last frame, 0 for the first one."""
        last = self._stamp_ns
        if last is not None and stamp_ns <= last:
            raise InputError(f'Expected a stamp after {last} ns, got {stamp_ns} ns; '
                             'call reset() when a recording starts again.')
        self._stamp_ns = stamp_ns
        return 0.0 if last is None else (stamp_ns - last) / 1e9

    def _move_camera(self, frame: Frame, dt_s: float) -> None:
        """Take over the camera pose; where it jumps, people stay where the camera had them."""
        world_from_camera = frame.world_from_camera
        if world_from_camera is None or not np.isfinite(world_from_camera).all():
            turn = self._image_motion.update(frame.image, frame.camera)
            self._camera = self._camera @ se3(turn.T, np.zeros(3))
            self._camera_known = False
            return
        self._image_motion.reset()
        moved = invert(self._camera) @ world_from_camera
        turned = np.arccos(np.clip((np.trace(moved[:3, :3]) - 1) / 2, -1, 1))
        way = np.linalg.norm(moved[:3, 3])
        if not self._camera_known or way > _JUMP_M_S * dt_s or turned > _JUMP_RAD_S * dt_s:
            self._people = self._people.in_frame(world_from_camera @ invert(self._camera))
            self._absent = self._absent.in_frame(world_from_camera @ invert(self._camera))
        self._camera = np.array(world_from_camera, float)
        self._camera_known = True

    def _agility(self) -> Floats:
        """How erratic people are along the axes of the anchor frame, (3,) [m/s]."""
        upright = _UPRIGHT if self._camera_known else 1.0
        return self._config.agility * np.array([1.0, 1.0, upright])

    def _patience(self, people: Population, inside: Floats) -> Floats:
        """How long each person, `inside` the image by that share, may be unseen, (N,) [s]."""
        config = self._config
        limit_s = np.where(inside < _MIN_INSIDE, config.max_gap_outside_s, config.max_gap_s)
        limit_s = np.where(people.hits < config.min_hits, _TENTATIVE_GAP_S, limit_s)
        return np.minimum(limit_s, config.max_gap_s)

    def _choose(self, people: Population, outlook: Outlook, seen: Sightings, confident: Mask,
                limit_s: Floats, dt_s: float) -> Ints:
        """Index of each person's detection, -1 for none, (N,)."""
        alive = people.unseen_s <= np.maximum(limit_s, min(_MISSED * dt_s, _BRIDGE_S))
        established = self._believed(people)
        chosen = np.full(len(people), -1)
        chosen[alive] = associate(outlook[alive], seen, established[alive], confident)
        return chosen

    def _see(self, people: Population, outlook: Outlook, seen: Sightings, chosen: Ints,
             dt_s: float) -> Population:
        """People after each has been told of the detection chosen."""
        rows = np.flatnonzero(chosen >= 0)
        outlook, matched = outlook[rows], seen[chosen[rows]]
        each = np.arange(len(rows))
        centre = outlook.centre + shift(outlook, matched)[each, each]               # (n, 2)
        told = corrected(people[rows], matched, centre, self._camera, dt_s)
        return people.with_rows(rows, told)

    def _recognise(self, people: Population, chosen: Ints,
                   dt_s: float) -> tuple[Population, Ints]:
        """Who is seen well for the first time, and was here before, gets the id of before.

        Returns:
            The people in the order of their ids, and where each has been in `people`.
        """
        self._absent = self._absent.later(dt_s, self._config.remember_s)
        here = (chosen >= 0) & self._believed(people)
        new = np.flatnonzero(here & ~people.settled & np.isfinite(people.colours).any(1))
        others = people[here & people.settled]
        who = self._absent.recognised(people[new], others, self._camera)
        ids, settled = people.ids.copy(), people.settled.copy()
        settled[new] = True
        back, who = new[who >= 0], who[who >= 0]
        ids[back] = self._absent.people.ids[who]
        self._absent = self._absent.without(who)
        order = np.argsort(ids)
        return replace(people, ids=ids, settled=settled)[order], order

    def _believed(self, people: Population) -> Mask:
        believed: Mask = people.hits >= self._config.min_hits
        return believed

    def _merge(self, people: Population, chosen: Ints, dt_s: float) -> Population:
        """Count how long people have been where an older one is, with one detection for both."""
        alone: Mask = chosen < 0
        merged: Mask = np.zeros(len(people), bool)
        if alone.any():
            together = coincident(expect(people, self._camera))
            merged = np.any(together & (alone[:, None] | alone), axis=1)
        longer = people.merged_s + min(dt_s, _MERGED_S / 2)     # three frames at least
        return replace(people, merged_s=np.where(merged, longer, 0.0))

    def _report(self, people: Population, seen: Sightings, chosen: Ints, ended: Mask,
                view: View) -> Tracks:
        config, hit = self._config, chosen >= 0
        pixels = view.pixels(expect(people, self._camera).points)                  # (N, 19, 2)
        keypoints, boxes = pixels[:, :17], pixels[:, 17:].reshape(-1, 4)
        visibility = np.zeros(keypoints.shape[:2])
        visibility[hit] = seen.visibility[chosen[hit]]
        boxes[hit] = seen.boxes_px[chosen[hit]]
        keypoints[visibility > 0] = seen.keypoints_px[chosen[hit]][visibility[hit] > 0]
        believed = self._believed(people)
        states = np.where(hit, TrackState.TRACKED, TrackState.OCCLUDED)
        states = np.where(believed, states, TrackState.TENTATIVE)
        states = np.where(ended, TrackState.LOST, states)
        decay = np.exp(-people.unseen_s / max(config.max_gap_s, 1e-3))
        confidence = people.score * decay * np.minimum(people.hits / config.min_hits, 1.0)
        return Tracks(ids=people.ids, states=states, boxes_px=boxes, keypoints_px=keypoints,
                      visibility=visibility, unseen_s=people.unseen_s,
                      confidence=np.clip(confidence, 0.0, 1.0))


def _unclaimed(seen: Sightings, confident: Mask, chosen: Ints) -> Ints:
    """Detections that begin a track: nobody's, and not a second view of somebody seen."""
    claimed = chosen[chosen >= 0]
    fresh = confident.copy()
    fresh[claimed] = False
    rows = np.flatnonzero(fresh)
    if not len(rows) or not len(claimed):
        return rows
    scale = np.sqrt(seen.depth[claimed, None] * seen.depth[rows])
    alike = joint_likeness(seen.points[claimed, :17], seen.points[rows, :17],
                           seen.visibility[rows], scale)
    return rows[~(alike > _SECOND_VIEW).any(0)]
