"""Start the live node: ros2 launch ros2_occpose pose.launch.py image:=/camera/image_raw."""
import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

SHARE = Path(get_package_share_directory('ros2_occpose'))
DDS_PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')

# name -> (default, meaning); empty: the node's own default, or what the parameter file says
ARGUMENTS = {
    'image': ('', 'Topic of the images; camera_info is expected next to it.'),
    'camera_info': ('', 'Topic of the CameraInfo, if it is not next to the images.'),
    'params_file': (str(SHARE / 'config' / 'pose.yaml'), 'ROS parameter file.'),
    'camera_pose': ('', 'Where the camera pose comes from: none, static, tf, odometry or pose.'),
    'world_frame': ('', 'Frame of all results while the camera pose is known.'),
    'device': ('', 'Where networks run: auto, cpu, cuda or tensorrt.'),
    'image_transport': ('', 'compressed: subscribe to JPEG or PNG images on IMAGE/compressed.'),
    'lifter': ('', 'Lifter, see: occpose models list.'),
    'hfov': ('', 'Horizontal field of view [deg] of a camera that is not calibrated.'),
    'namespace': ('occpose', 'Namespace of the node and of its topics.'),
    'use_sim_time': ('', 'true: take time from /clock, as when a bag is played.'),
    'log_level': ('info', 'debug, info, warn, error or fatal.'),
    'rviz': ('false', 'true: start RViz too.'),
    'meshes': ('', 'true: body meshes in the markers, a few milliseconds per person (default: as '
               'rviz).'),
    'fixed_frame': ('', 'Fixed frame of RViz (default: world_frame).'),
}


def generate_launch_description() -> LaunchDescription:
    """One node, and RViz if wanted."""
    arguments = [DeclareLaunchArgument(name, default_value=default, description=meaning)
                 for name, (default, meaning) in ARGUMENTS.items()]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The processes that the arguments ask for."""
    given = {name: context.launch_configurations[name] for name in ARGUMENTS}
    nodes = [pose_node(given)]
    if given['rviz'].lower() == 'true':
        nodes.append(rviz(given))
    return nodes


def pose_node(given: dict[str, str]) -> Node:
    """The live node; the parameter file first, then only what was given."""
    overrides: dict[str, object] = {
        name: ParameterValue(given[name], value_type=str)
        for name in ('camera_pose', 'world_frame', 'device', 'image_transport') if given[name]}
    if given['lifter']:
        overrides['lifting.lifter'] = ParameterValue(given['lifter'], value_type=str)
    if given['hfov']:
        overrides['fallback_hfov_deg'] = float(given['hfov'])
    if given['meshes'] or given['rviz'].lower() == 'true':
        overrides['publish.shapes.meshes'] = (given['meshes'] or 'true').lower() == 'true'
    if given['use_sim_time']:
        overrides['use_sim_time'] = given['use_sim_time'].lower() == 'true'
    logger = '.'.join([*given['namespace'].strip('/').split('/'), 'occpose']).lstrip('.')
    info = given['camera_info'] or beside(given['image'])
    remappings = {'image': given['image'], 'camera_info': info}
    return Node(
        package='ros2_occpose', executable='pose_node', name='occpose',
        namespace=given['namespace'], output='screen',
        parameters=[given['params_file'], *([overrides] if overrides else [])],
        remappings=[(old, new) for old, new in remappings.items() if new],
        ros_arguments=['--log-level', f'{logger}:={given["log_level"]}'],
        additional_env={name: os.environ.get(name, str(SHARE / 'config' / 'fastdds.xml'))
                        for name in DDS_PROFILES})


def rviz(given: dict[str, str]) -> Node:
    """RViz, showing the topics of this namespace."""
    frame = given['fixed_frame'] or given['world_frame']
    space = given['namespace'].strip('/')
    prefix = f'/{space}' if space else ''
    return Node(
        package='rviz2', executable='rviz2', output='screen',
        arguments=['-d', str(SHARE / 'config' / 'occpose.rviz'),
                   *(['-f', frame] if frame else [])],
        remappings=[(f'/occpose/{topic}', f'{prefix}/{topic}')
                    for topic in ('markers', 'overlay')])


def beside(image_topic: str) -> str:
    """`/camera/camera_info` for `/camera/image_raw`, as camera drivers publish it."""
    parent, slash, _ = image_topic.rpartition('/')
    return f'{parent}{slash}camera_info' if image_topic else ''
