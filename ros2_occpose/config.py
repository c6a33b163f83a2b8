"""Every default, once: one frozen dataclass per stage.

ROS parameters and command options derive from it.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from .errors import ConfigError

C = TypeVar('C')
_KINDS = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'text'}


def param(default: object, about: str, *, unit: str = '', ge: float | None = None,
          le: float | None = None, choices: tuple[str, ...] | None = None,
          live: bool = False) -> Any:
    """A field with its explanation, unit and bounds.

    Args:
        default: Its value where nobody says otherwise.
        about: One or two sentences; docs/parameters.md and `ros2 param describe` show them.
        unit: Of the number.
        ge: Least value.
        le: Greatest value.
        choices: The only values.
        live: May change while the node is configured.
    """
    return field(default=default, metadata={
        'help': f'{about} [{unit}]' if unit else about, 'about': about, 'unit': unit,
        'ge': ge, 'le': le, 'choices': choices, 'live': live})


@dataclass(frozen=True, kw_only=True)
class Validated:
    """Base of the configurations: checks types and bounds of its own fields."""

    group: ClassVar[str] = ''       # what stands before the names of its parameters

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not is_dataclass(value):
                object.__setattr__(self, f.name, _checked(self.group, f, value))


def _checked(group: str, f: Field[Any], value: Any) -> Any:
    where = f'{group}{f.name}'
    wanted = type(f.default)
    if wanted is float and type(value) is int:
        value = float(value)
    if wanted is tuple:
        value = _numbers(where, f, value)
    if type(value) is not wanted:
        raise ConfigError(
            f'{where} expects {_KINDS[wanted]}, got {value!r}; {f.metadata["help"]}')
    low, high, choices = (f.metadata.get(key) for key in ('ge', 'le', 'choices'))
    if choices is not None and value not in choices:
        raise ConfigError(f'{where} expects one of {", ".join(choices)}, got {value!r}.')
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bounds = f'from {low}' if high is None else f'from {low} to {high}'
        raise ConfigError(
            f'{where} expects a number {bounds}, got {value!r}; {f.metadata["help"]}')
    return value


def _numbers(where: str, f: Field[Any], value: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in value)
    except (TypeError, ValueError):
        numbers = ()
    wanted: tuple[float, ...] = f.default  # type: ignore[assignment]
    if len(numbers) != len(wanted) or not np.isfinite(numbers).all():
        raise ConfigError(f'{where} expects {len(wanted)} numbers, got {value!r}; '
                          f'{f.metadata["help"]}')
    return numbers


@dataclass(frozen=True, kw_only=True)
class DetectionConfig(Validated):
    """Finding people in one image."""

    group: ClassVar[str] = 'detection.'
    detector: str = param(
        'blazepose', 'Which detector: an entry of kind detector in models.yaml '
        '(`occpose models list`).')
    max_people: int = param(
        12, 'Upper limit of people followed in one image. Each costs time; further people are '
        'ignored.', ge=1, le=64, live=True)
    tiles_per_frame: int = param(
        1, 'Image tiles searched for new people in each frame. More tiles find new people sooner '
        'and cost one run of the network each; 0 never looks for new people.', ge=0, le=64,
        live=True)
    keypoint_interval: int = param(
        1, 'Frames from one look of the network of `blazepose` at a person to the next, a few '
        'people in each frame. In between, optical flow carries the keypoints; the network looks '
        'at once where flow fails, where people overlap and at who is new. 1: in every frame.',
        unit='frames', ge=1, le=10, live=True)
    search_interval: int = param(
        1, 'Frames from one search in turn (`detection.tiles_per_frame`) to the next while '
        'somebody is followed; where somebody was just lost or found, the search is not put off.',
        unit='frames', ge=1, le=30, live=True)
    min_score: float = param(
        0.5, 'Least probability for a detection to be reported. A lower value finds more people '
        'and more false detections.', ge=0, le=1, live=True)
    flow: bool = param(
        True, 'Use optical flow and colours to tell seen joints from guessed ones: joints that '
        'the detector guesses neither move with the pixels nor keep their colours.', live=True)


@dataclass(frozen=True, kw_only=True)
class TrackingConfig(Validated):
    """Following people from frame to frame."""

    group: ClassVar[str] = 'tracking.'
    max_gap_s: float = param(
        1.5, 'Longest occlusion that a track survives. A larger value keeps ids behind wide '
        'obstacles, but also ghosts of people who left there.', unit='s', ge=0, le=30, live=True)
    max_gap_outside_s: float = param(
        1.0, 'The same for a person who has left the image; never longer than '
        '`tracking.max_gap_s`.', unit='s', ge=0, le=30, live=True)
    remember_s: float = param(
        10.0, 'How long a person whose track has ended is remembered by the colours of the '
        'clothes; a person who reappears in that time gets the same id. 0: never.', unit='s', ge=0,
        le=600, live=True)
    min_hits: int = param(
        3, 'Detections needed before a person is confirmed (TRACKED instead of TENTATIVE).', ge=1,
        le=30, live=True)
    confident_score: float = param(
        0.5, 'Least score of a detection to start a track; detections below it only continue one.',
        ge=0, le=1, live=True)
    min_visibility: float = param(
        0.3, 'Least score of a joint to be used in association; the others are predicted.',
        ge=0.01, le=1, live=True)
    agility: float = param(
        1.5, "Standard deviation of the change of a person's velocity within one second. Larger "
        "for sport, smaller for people who stand.", unit='m/s', ge=0.1, le=20, live=True)


@dataclass(frozen=True, kw_only=True)
class LiftingConfig(Validated):
    """Turning 2D tracks into 3D skeletons."""

    group: ClassVar[str] = 'lifting.'
    lifter: str = param(
        'gated_causal', 'Name of the lifter: an entry of kind lifter in models.yaml (`occpose '
        'models list`). The live node needs a causal one, whose name ends in _causal.')
    min_visibility: float = param(
        0.3, 'Least visibility for a joint to be passed to the network as seen; the others are '
        'inferred.', ge=0, le=1, live=True)


@dataclass(frozen=True, kw_only=True)
class TrajectoryConfig(Validated):
    """Placing skeletons in the world (gated convolution, eq. 9)."""

    group: ClassVar[str] = 'trajectory.'
    window: int = param(
        8, 'Number of frames solved together. A larger window is smoother and slower.', ge=3,
        le=500)
    min_visibility: float = param(
        0.3, 'Least visibility for a joint to be reported as OBSERVED and to contribute to the '
        'position.', ge=0, le=1, live=True)
    pixel_std: float = param(
        3.0, 'Standard deviation of keypoint errors. A larger value trusts the motion model more.',
        unit='px at 500 px focal length', ge=0.1, le=100, live=True)
    noise_memory_s: float = param(
        0.05, 'Correlation time of keypoint errors: observations within it count as one.',
        unit='s', ge=0, le=10, live=True)
    speed_std: float = param(
        0.8, "Standard deviation of people's velocity along each horizontal axis (first-order "
        "continuity).", unit='m/s', ge=0.01, live=True)
    vertical_speed_std: float = param(
        0.3, 'The same along the vertical, if the camera pose is known.', unit='m/s', ge=0.01,
        live=True)
    acceleration_std: float = param(
        1.0, 'Standard deviation of the change of their velocity within one second (second-order '
        'continuity).', unit='m/s', ge=0.01, live=True)
    scale_std: float = param(
        0.07, 'Relative uncertainty of body size, hence of distance: 0.07 for adults of unknown '
        'height, more if there are children.', ge=0, le=1, live=True)


@dataclass(frozen=True, kw_only=True)
class PipelineConfig(Validated):
    """All stages."""

    device: str = param(
        'auto', 'Where networks run. auto selects the fastest available; a device that is '
        'requested but not available is replaced by the next best, with a warning that says why.',
        choices=('auto', 'cpu', 'cuda', 'tensorrt'))
    threads: int = param(
        2, 'CPU threads per network; more threads than idle cores make it slower.', ge=1, le=64)
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    lifting: LiftingConfig = field(default_factory=LiftingConfig)
    trajectory: TrajectoryConfig = field(default_factory=TrajectoryConfig)


@dataclass(frozen=True, kw_only=True)
class ShapesConfig(Validated):
    """What RViz and Foxglove show of each person."""

    group: ClassVar[str] = 'publish.shapes.'
    skeletons: bool = param(
        True, 'Bones and joints; hidden ones are thin and pale.', live=True)
    labels: bool = param(True, 'Id and state above the head.', live=True)
    ellipsoids: bool = param(
        True, 'One standard deviation of the position of the pelvis.', live=True)
    joint_ellipsoids: bool = param(
        False, 'One standard deviation of the position of every joint.', live=True)
    velocities: bool = param(
        True, 'Arrow to the predicted position in half a second.', live=True)
    meshes: bool = param(
        False, 'Body mesh of each person (see `body`) in about 1,400 triangles, paler the less '
        'of the person is seen.', live=True)
    lifetime_s: float = param(
        2.0, 'Shapes expire after this time without a new message, in case the node dies; 0: '
        'never.', unit='s', ge=0, le=3600, live=True)


@dataclass(frozen=True, kw_only=True)
class PublishConfig(Validated):
    """What the node publishes beside `humans`."""

    group: ClassVar[str] = 'publish.'
    markers: bool = param(True, 'Shapes for RViz and Foxglove on `markers`.', live=True)
    shapes: ShapesConfig = field(default_factory=ShapesConfig)
    trail_s: float = param(
        5.0, 'Length of the trail behind each person in the markers; 0: none.', unit='s', ge=0,
        le=60, live=True)
    overlay: bool = param(
        True, 'The image with the people drawn into it on `overlay`, while somebody subscribes.',
        live=True)
    overlay_meshes: bool = param(
        False, 'Draw meshes instead of bones in `overlay`.', live=True)
    meshes: bool = param(
        True, 'The body mesh of each person on `meshes` and the triangles on `mesh_model`, while '
        'somebody subscribes.', live=True)
    vertices: bool = param(
        True, 'Include the vertices in `meshes`: 83 KB per person for `human`; without them, '
        'shape, joint rotations and position: 1 KB.', live=True)
    stats: bool = param(
        True, 'Milliseconds of each stage and image counts on `stats`.', live=True)
    tf: bool = param(True, 'A frame `human_<id>` for each person on /tf.', live=True)
    tf_joints: bool = param(
        False, 'Also a frame `human_<id>_<joint>` for each joint, e.g. human_4_right_wrist, '
        'oriented like the pelvis: positions of joints are known, orientations are not.',
        live=True)
    tf_prefix: str = param(
        'human_', 'Prefix of the names of these frames; give each camera its own.', live=True)


@dataclass(frozen=True, kw_only=True)
class BridgesConfig(Validated):
    """What the node publishes for other packages; each needs the messages of that package."""

    group: ClassVar[str] = 'bridges.'
    people: bool = param(
        False, 'people_msgs/People on /people in the world frame, for social costmaps.')
    follow: str = param(
        'none', 'Whom to publish as PoseStamped on `detected_dynamic_pose` and as frame '
        '`followed_person`: the selection is kept until that person is lost.',
        choices=('none', 'nearest', 'longest', 'id'))
    follow_id: int = param(
        0, 'Id of the person to follow if `bridges.follow` is id; 0: nobody.', ge=0, live=True)
    detections: bool = param(
        False, 'vision_msgs/Detection3DArray on `detections_3d`: one box per person.')
    hri: bool = param(
        False, 'REP-155 (ROS4HRI): topics below /humans, frames `body_b<id>` and `person_p<id>`.')
    in_namespace: bool = param(
        False, 'Move /people and /humans into the namespace of the node, and prefix the ids of '
        'REP-155 and the frames of bridges with it: for several nodes with bridges. By default '
        'they are where consumers expect them.')


@dataclass(frozen=True, kw_only=True)
class NodeConfig(Validated):
    """The live node around the pipeline."""

    autostart: bool = param(
        True, 'Configure and activate automatically; false if a lifecycle manager does it.')
    image_transport: str = param(
        'raw', 'Subscribe to `image` or to `image/compressed` (JPEG, PNG).',
        choices=('raw', 'compressed'))
    rectified: bool = param(
        False, 'The images are rectified (image_rect): use P of CameraInfo and no distortion.')
    fallback_hfov_deg: float = param(
        0.0, 'Horizontal field of view of a camera without calibration. All distances depend on '
        'it; 0 refuses such a camera.', unit='deg', ge=0, le=170)
    use_people_2d: bool = param(
        False, 'Take people from the topic `people_2d` instead of detecting them.')
    without_images: bool = param(
        False, 'Do not subscribe to images: `people_2d` and CameraInfo are enough.')
    camera_pose: str = param(
        'none', 'Source of the camera pose at the stamp of each image: none (results stay in the '
        'camera frame), static (`camera_mount`), tf, or the topic `odometry` or `pose`.',
        choices=('none', 'static', 'tf', 'odometry', 'pose'))
    world_frame: str = param(
        'odom', 'Frame of all results while the camera pose is known.')
    camera_mount: tuple[float, ...] = param(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), 'Pose x y z [m] qx qy qz qw of the optical frame in '
        'its parent: the world (static), or the body whose odometry or pose is received.')
    pose_timeout_s: float = param(
        0.1, 'Longest wait for the camera pose of an image; after that the image is dropped and '
        'counted in /diagnostics.', unit='s', ge=0, le=5)
    pose_queue: int = param(
        10, 'Images that may wait for their camera pose; if the queue is full, a new image '
        'replaces the newest.', ge=2, le=100)
    no_image_after_s: float = param(
        2.0, 'Report missing images after this time, and withdraw what the bridges have '
        'published.', unit='s', ge=0.1, le=3600, live=True)
    body: str = param(
        'auto', 'Body model of meshes: human (`occpose models fetch body`), cylinder, or the '
        'path of an .npz or .pkl file in SMPL format; auto selects human if it has been fetched, '
        'otherwise cylinder.')
    publish: PublishConfig = field(default_factory=PublishConfig)
    bridges: BridgesConfig = field(default_factory=BridgesConfig)


def flatten(config: Any, prefix: str = '') -> Iterator[tuple[str, Field[Any], Any]]:
    """(dotted name, dataclass field, value) of every leaf, in order."""
    for f in fields(config):
        value = getattr(config, f.name)
        if is_dataclass(value):
            yield from flatten(value, f'{prefix}{f.name}.')
        else:
            yield f'{prefix}{f.name}', f, value


def override(config: C, values: Mapping[str, Any]) -> C:
    """The same configuration with some leaves replaced.

    Args:
        config: Any of the configurations.
        values: Dotted names such as `tracking.max_gap_s`, or nested mappings.

    Raises:
        ConfigError: A name is unknown, or a value is out of bounds or of the wrong kind.
    """
    nested = _nested(values)
    known = {f.name for f in fields(config)}  # type: ignore[arg-type]
    for name in nested:
        if name not in known:
            full = f'{config.group}{name}'  # type: ignore[attr-defined]
            raise ConfigError(f'Unknown parameter {full!r}; '
                              f'expected one of {", ".join(sorted(known))}.')
    changes = {}
    for name, value in nested.items():
        old = getattr(config, name)
        if is_dataclass(old) and not isinstance(value, Mapping):
            inside = ', '.join(f.name for f in fields(old))
            raise ConfigError(f'{name} expects a mapping with some of {inside}, got {value!r}.')
        changes[name] = override(old, value) if is_dataclass(old) else value
    return replace(config, **changes)  # type: ignore[type-var]


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as mappings in mappings; of two values for one name the later one holds."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        head, _, rest = str(name).partition('.')
        if rest or isinstance(value, Mapping):
            inside = nested.get(head)
            nested[head] = {**(inside if isinstance(inside, dict) else {}),
                            **({rest: value} if rest else value)}
        else:
            nested[head] = value
    return nested
