"""Play a bag through the live node: ros2 launch ros2_occpose replay.launch.py bag:=FOLDER."""
import os
import sys
import sysconfig
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

ENVIRONMENT = os.environ.get('VIRTUAL_ENV')
if ENVIRONMENT:      # `ros2` runs the Python of the installation; rosbags lies in the environment
    sys.path.append(sysconfig.get_path('purelib', 'posix_prefix', {'base': ENVIRONMENT}))

from ros2_occpose.ros.replay import PACKAGE, Process, logger_of, plan  # noqa: E402
from ros2_occpose.ros.replay_arguments import ARGUMENTS  # noqa: E402

SHARE = Path(get_package_share_directory(PACKAGE))
DDS_PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
MORE = {
    'rviz': ('false', 'true: start RViz too; it stays open at the end.'),
    'fixed_frame': ('', 'Fixed frame of RViz (default: that of the results).'),
}


def generate_launch_description() -> LaunchDescription:
    """The node, the player, and a recorder and RViz if wanted."""
    arguments = [DeclareLaunchArgument(
        'bag', description='rosbag2 (sqlite3 or mcap), video file or image folder.')]
    arguments += [DeclareLaunchArgument(name, default_value=default, description=meaning)
                  for name, (default, meaning) in {**ARGUMENTS, **MORE}.items()]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The processes that the arguments ask for; the end of the player ends them all."""
    given = {name: context.launch_configurations[name] for name in (*ARGUMENTS, *MORE)}
    rviz = given['rviz'].lower() == 'true'
    if rviz:
        given['meshes'] = given['meshes'] or 'true'
    processes = plan(Path(context.launch_configurations['bag']), given)
    nodes = [node(process, given, last=process is processes[-1] and not rviz)
             for process in processes]
    return [*nodes, show(processes[0], given)] if rviz else nodes


def node(process: Process, given: dict[str, str], *, last: bool) -> Node:
    """One node as planned; with `last`, its end is the end."""
    logger = logger_of(given['namespace'], process.name)
    return Node(
        package=PACKAGE, executable=process.executable, name=process.name,
        namespace=given['namespace'], output='screen',
        parameters=[*process.files, process.parameters],
        remappings=list(process.remappings.items()),
        ros_arguments=['--log-level', f'{logger}:={given["log_level"]}'],
        additional_env={name: os.environ.get(name, str(SHARE / 'config' / 'fastdds.xml'))
                        for name in DDS_PROFILES},
        on_exit=Shutdown() if last else None)


def show(pose_node: Process, given: dict[str, str]) -> Node:
    """RViz, showing the topics of this namespace in the time of the recording."""
    space = given['namespace'].strip('/')
    prefix = f'/{space}' if space else ''
    return Node(
        package='rviz2', executable='rviz2', output='screen',
        arguments=['-d', str(SHARE / 'config' / 'occpose.rviz'),
                   '-f', given['fixed_frame'] or pose_node.parameters['world_frame']],
        parameters=[{'use_sim_time': True}],
        remappings=[(f'/occpose/{topic}', f'{prefix}/{topic}')
                    for topic in ('markers', 'overlay')])
