# Entry point of the containers: sets up ROS 2 and liquid_pilot for every command.
set -e
source "/opt/ros/${ROS_DISTRO:-jazzy}/setup.bash"
source /opt/liquid_pilot/config/onboard/setup.bash
exec "$@"
