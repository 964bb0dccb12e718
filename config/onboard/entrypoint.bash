# Of the container: everything that is run in it finds ROS 2 and liquid_pilot.
set -e
source "/opt/ros/${ROS_DISTRO:-jazzy}/setup.bash"
source /opt/liquid_pilot/config/onboard/setup.bash
exec "$@"
