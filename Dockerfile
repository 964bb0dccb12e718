# Two images on the official one of ROS 2; the same file for arm64 and amd64.
#   docker build -t liquid_pilot .                        a robot's computer: docs/onboard.md
#   docker run --rm -it --network host --ipc host liquid_pilot liquid-pilot doctor --onboard
#   docker build -t liquid_pilot_gazebo --target gazebo . simulation, with Gazebo: docs/gazebo.md
#   docker run --rm -it --ipc host -v $PWD/runs:/opt/liquid_pilot/runs liquid_pilot_gazebo
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        python3-venv \
        ros-${ROS_DISTRO}-tf2-ros \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/liquid_pilot
# Compiled kernels live here; a volume on it makes every start a warm one.
ENV NUMBA_CACHE_DIR=/var/cache/liquid_pilot
# Alone on this machine unless `docker run -e` says otherwise.
ENV ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
COPY config/onboard/entrypoint.bash /entrypoint.bash
ENTRYPOINT ["/bin/bash", "/entrypoint.bash"]

FROM base AS gazebo
# Without a screen Gazebo draws by EGL, on a GPU or by Mesa.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ros-${ROS_DISTRO}-ros-gz \
        libegl1 libgl1 libgl1-mesa-dri \
    && rm -rf /var/lib/apt/lists/*
COPY . .
# Into a virtual environment that sees the ROS 2 of the image; ends with a look at a forest's world.
RUN bash -c 'source /opt/ros/${ROS_DISTRO}/setup.bash && ./run world --seed 7 --out /tmp/forest' \
    && rm -rf /root/.cache/pip /tmp/forest
CMD ["ros2", "launch", "liquid_pilot", "fly.launch.py", "simulator:=gazebo", "headless:=true"]

# The last one is what `docker build` makes unless it is told otherwise.
FROM base AS onboard
# Camera drivers that hardware.launch.py starts, for boards whose system has no ROS 2 packages
# (Raspberry Pi OS, JetPack, Ubuntu 22.04). MAVROS and the message packages of other autopilots are
# added like these: --build-arg PACKAGES="ros-jazzy-mavros"
ARG PACKAGES=""
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ros-${ROS_DISTRO}-v4l2-camera \
        ros-${ROS_DISTRO}-usb-cam \
        ros-${ROS_DISTRO}-camera-ros \
        ros-${ROS_DISTRO}-image-transport-plugins \
        ${PACKAGES} \
    && rm -rf /var/lib/apt/lists/*
COPY . .
# Ends with a look at the shipped pilot.
RUN bash -c 'source /opt/ros/${ROS_DISTRO}/setup.bash && ./run onboard inspect forest-ltc' \
    && rm -rf /root/.cache/pip
CMD ["ros2", "launch", "liquid_pilot", "hardware.launch.py", "--show-args"]
