"""The ROS 2 face of the package: the only folder that imports ROS."""
