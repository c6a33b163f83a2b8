"""Files in, files out, pictures: everything about recordings, without ROS."""
