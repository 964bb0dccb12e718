# Source this after ROS 2, in a checkout where `./run onboard` was run: `ros2 launch` and `ros2 run`
# then find liquid_pilot and its dependencies.
#   source /opt/ros/jazzy/setup.bash && source ~/liquid_pilot/config/onboard/setup.bash
_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ ! -x "$_root/.venv/bin/python3" ]; then
    echo "liquid_pilot: $_root/.venv is missing; run $_root/run onboard first" >&2
    return 1
fi
export PATH=$_root/.venv/bin:$PATH
# The `ros2` command runs the system's Python, which must find the package and its libraries.
export PYTHONPATH=$_root:$("$_root/.venv/bin/python3" -I -c \
    'import sysconfig; print(sysconfig.get_path("purelib"))')${PYTHONPATH:+:$PYTHONPATH}
export AMENT_PREFIX_PATH=$_root/.venv${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}
unset _root
