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
        12, 'People looked at in one image. Each costs time, and those beyond it are not seen.',
        ge=1, le=64, live=True)
    tiles_per_frame: int = param(
        1, 'Tiles of the image searched for new people in each frame. More finds newcomers sooner '
        'and costs one run of the network each; 0 never looks for anybody new.', ge=0, le=64,
        live=True)
    min_score: float = param(
        0.5, 'Least probability for a detection to be reported. Lower finds more people, and more '
        'that are none.', ge=0, le=1, live=True)
    flow: bool = param(
        True, 'Ask the images which joints were seen (optical flow, colours): the detector '
        'guesses hidden joints, and guesses neither move with the pixels nor keep their colours.',
        live=True)


@dataclass(frozen=True, kw_only=True)
class TrackingConfig(Validated):
    """Following people from frame to frame."""

    group: ClassVar[str] = 'tracking.'
    max_gap_s: float = param(
        1.5, 'Longest occlusion bridged before an id ends. Longer keeps ids behind wide '
        'obstacles, and ghosts of those who left there.', unit='s', ge=0, le=30, live=True)
    max_gap_outside_s: float = param(
        1.0, 'The same for somebody who has left the image; never longer than '
        '`tracking.max_gap_s`.', unit='s', ge=0, le=30, live=True)
    remember_s: float = param(
        10.0, 'How long somebody whose id has ended is remembered by the colours of the clothes; '
        'who comes back in that time gets the same id. 0: never.', unit='s', ge=0, le=600,
        live=True)
    min_hits: int = param(
        3, 'Detections needed before a person is believed (TRACKED instead of TENTATIVE).',
        ge=1, le=30, live=True)
    confident_score: float = param(
        0.5, 'Least score of a detection to begin a track; lower ones only prolong one.',
        ge=0, le=1, live=True)
    min_visibility: float = param(
        0.3, 'Least score of a joint to take part in following; the others are predicted.',
        ge=0.01, le=1, live=True)
    agility: float = param(
        1.5, 'How much the velocity of a person changes within a second, a std. More for sport, '
        'less for people who stand.', unit='m/s', ge=0.1, le=20, live=True)


@dataclass(frozen=True, kw_only=True)
class LiftingConfig(Validated):
    """Turning 2D tracks into 3D skeletons."""

    group: ClassVar[str] = 'lifting.'
    lifter: str = param(
        'gated_causal', 'Which network lifts: an entry of kind lifter in models.yaml '
        '(`occpose models list`). On a robot one whose name ends in _causal.')
    min_visibility: float = param(
        0.3, 'Least visibility for a joint to be told to the network as seen; the others it has '
        'to infer.', ge=0, le=1, live=True)


@dataclass(frozen=True, kw_only=True)
class TrajectoryConfig(Validated):
    """Placing skeletons in the world (gated convolution, eq. 9)."""

    group: ClassVar[str] = 'trajectory.'
    window: int = param(
        8, 'Frames solved together. More is smoother and slower.', ge=3, le=500)
    min_visibility: float = param(
        0.3, 'Least visibility for a joint to be called OBSERVED, and to say where the person is.',
        ge=0, le=1, live=True)
    pixel_std: float = param(
        3.0, 'How far keypoints are off, a std. Larger trusts the motion model more.',
        unit='px at 500 px focal length', ge=0.1, le=100, live=True)
    noise_memory_s: float = param(
        0.05, 'Time over which errors of keypoints stay alike: looks within it count as one.',
        unit='s', ge=0, le=10, live=True)
    speed_std: float = param(
        0.8, 'How fast people move along each level axis, a std (first order continuity).',
        unit='m/s', ge=0.01, live=True)
    vertical_speed_std: float = param(
        0.3, 'The same upwards, where the camera pose is known.', unit='m/s', ge=0.01, live=True)
    acceleration_std: float = param(
        1.0, 'How much their velocity changes in one second, a std (second order continuity).',
        unit='m/s', ge=0.01, live=True)
    scale_std: float = param(
        0.07, 'Share by which body size, hence distance, is uncertain: 0.07 for adults of unknown '
        'height, more where there are children.', ge=0, le=1, live=True)


@dataclass(frozen=True, kw_only=True)
class PipelineConfig(Validated):
    """All stages."""

    device: str = param(
        'auto', 'Where networks run. auto takes the fastest that is there; what is named and '
        'cannot be had is replaced by the next best, with a warning that says why.',
        choices=('auto', 'cpu', 'cuda', 'tensorrt'))
    threads: int = param(
        2, 'CPU threads of a network; more than the cores that are idle makes it slower.',
        ge=1, le=64)
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
        True, 'One standard deviation of the place of the pelvis.', live=True)
    joint_ellipsoids: bool = param(
        False, 'One standard deviation of the place of every joint.', live=True)
    velocities: bool = param(
        True, 'An arrow to where the person will be in half a second.', live=True)
    meshes: bool = param(
        False, 'The body of each person (`body`) in about 1,400 triangles, the paler the less of '
        'it is seen.', live=True)
    lifetime_s: float = param(
        2.0, 'Shapes go after so long without a new message, should the node die; 0: never.',
        unit='s', ge=0, le=3600, live=True)


@dataclass(frozen=True, kw_only=True)
class PublishConfig(Validated):
    """What the node publishes beside `humans`."""

    group: ClassVar[str] = 'publish.'
    markers: bool = param(True, 'Shapes for RViz and Foxglove on `markers`.', live=True)
    shapes: ShapesConfig = field(default_factory=ShapesConfig)
    trail_s: float = param(
        5.0, 'Length of the line behind each person in the markers; 0: none.', unit='s',
        ge=0, le=60, live=True)
    overlay: bool = param(
        True, 'The image with the people drawn in on `overlay`, while somebody subscribes.',
        live=True)
    overlay_meshes: bool = param(
        False, 'Bodies instead of bones in `overlay`.', live=True)
    meshes: bool = param(
        True, 'The body of each person on `meshes` and its triangles on `mesh_model`, while '
        'somebody subscribes.', live=True)
    vertices: bool = param(
        True, 'With the vertices in `meshes`: 83 KB a person for `human`. Without them, shape, '
        'posture and place: 1 KB.', live=True)
    stats: bool = param(
        True, 'Milliseconds of each stage and counts of images on `stats`.', live=True)
    tf: bool = param(True, 'A frame `human_<id>` for each person on /tf.', live=True)
    tf_joints: bool = param(
        False, 'A frame `human_<id>_<joint>` for each joint too, e.g. human_4_right_wrist, turned '
        'like the pelvis: places of joints are known, turns are not.', live=True)
    tf_prefix: str = param(
        'human_', 'What the names of these frames begin with; of its own for each camera.',
        live=True)


@dataclass(frozen=True, kw_only=True)
class BridgesConfig(Validated):
    """What the node publishes for other packages; each needs the messages of that package."""

    group: ClassVar[str] = 'bridges.'
    people: bool = param(
        False, 'people_msgs/People on /people in the world frame, for social costmaps.')
    follow: str = param(
        'none', 'Whom to publish as PoseStamped on `detected_dynamic_pose` and as '
        'frame `followed_person`, kept until lost.',
        choices=('none', 'nearest', 'longest', 'id'))
    follow_id: int = param(
        0, 'Id of the person to follow, where `bridges.follow` is id; 0: nobody.', ge=0, live=True)
    detections: bool = param(
        False, 'vision_msgs/Detection3DArray on `detections_3d`: a box a person.')
    hri: bool = param(
        False, 'REP-155 (ROS4HRI): topics below /humans, frames `body_b<id>` and `person_p<id>`.')
    in_namespace: bool = param(
        False, 'Move /people and /humans into the namespace of the node, and put its name before '
        'the ids of REP-155 and the frames of bridges: for several nodes with bridges. By default '
        'they are where consumers look for them.')


@dataclass(frozen=True, kw_only=True)
class NodeConfig(Validated):
    """The live node around the pipeline."""

    autostart: bool = param(
        True, 'Configure and activate without being told to; false for a lifecycle manager.')
    image_transport: str = param(
        'raw', 'Subscribe to `image` or to `image/compressed` (JPEG, PNG).',
        choices=('raw', 'compressed'))
    rectified: bool = param(
        False, 'The images are rectified (image_rect): use P of CameraInfo, and no distortion.')
    fallback_hfov_deg: float = param(
        0.0, 'Horizontal field of view of a camera without calibration. Distances are as good as '
        'this number; 0 refuses such a camera.', unit='deg', ge=0, le=170)
    use_people_2d: bool = param(
        False, 'Take the people from the topic `people_2d` instead of detecting them.')
    without_images: bool = param(
        False, 'Do not subscribe to images: `people_2d` and CameraInfo are enough.')
    camera_pose: str = param(
        'none', 'Where the pose of the camera comes from, at the stamp of each image: none '
        '(people stay in the frame of the camera), static (`camera_mount`), /tf, or the topic '
        '`odometry` or `pose`.', choices=('none', 'static', 'tf', 'odometry', 'pose'))
    world_frame: str = param(
        'odom', 'Frame of all results while the pose of the camera is known.')
    camera_mount: tuple[float, ...] = param(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        'Pose x y z [m] qx qy qz qw of the optical frame in what carries the camera: the world '
        '(static), or the body whose odometry or pose arrives.')
    pose_timeout_s: float = param(
        0.1, 'Longest wait for the camera pose of an image; then the image is dropped and counted '
        'in /diagnostics.', unit='s', ge=0, le=5)
    pose_queue: int = param(
        10, 'Images that wait for their camera pose; one more takes the place of the newest.',
        ge=2, le=100)
    no_image_after_s: float = param(
        2.0, 'Complain when no image came for so long, and take back what the bridges said.',
        unit='s', ge=0.1, le=3600, live=True)
    body: str = param(
        'auto', 'Which body people wear in meshes: human (`occpose models fetch body`), cylinder, '
        'or the path of an .npz or .pkl file of SMPL; auto takes human where it has been fetched, '
        'else cylinder.')
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
