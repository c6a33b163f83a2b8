"""REP-155 (ROS4HRI): bodies and persons below /humans, as libhri reads them."""
