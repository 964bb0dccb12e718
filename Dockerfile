# Two images on the official one of ROS 2; the same file for arm64 and amd64.
#   docker build -t liquid_pilot .                        a robot's computer: docs/how_to/onboard.md
#   docker run --rm -it --network host --ipc host liquid_pilot liquid-pilot doctor --onboard
#   docker build -t liquid_pilot_gazebo --target gazebo . simulation, with Gazebo: docs/how_to/gazebo.md
#   docker run --rm -it --ipc host -v $PWD/runs:/opt/liquid_pilot/runs liquid_pilot_gazebo
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        python3-venv \
        ros-${ROS_DISTRO}-tf2-ros \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/liquid_pilot
# Compiled kernels are here; with a volume on it every start is warm.
ENV NUMBA_CACHE_DIR=/var/cache/liquid_pilot
# Topics stay on this machine unless `docker run -e` changes that.
ENV ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
COPY config/onboard/entrypoint.bash /entrypoint.bash
ENTRYPOINT ["/bin/bash", "/entrypoint.bash"]
# `docker stop` ends a launch as Ctrl-C does. At SIGTERM it would leave its nodes to be killed.
STOPSIGNAL SIGINT

FROM base AS gazebo
# Without a screen Gazebo renders through EGL, on a GPU or with Mesa.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ros-${ROS_DISTRO}-ros-gz \
        libegl1 libgl1 libgl1-mesa-dri \
    && rm -rf /var/lib/apt/lists/*
COPY . .
# Installs into a virtual environment that sees the ROS 2 of the image, and tests it by exporting a
# world.
RUN bash -c 'source /opt/ros/${ROS_DISTRO}/setup.bash && ./run export-world --seed 7 --out /tmp/forest' \
    && rm -rf /root/.cache/pip /tmp/forest
CMD ["ros2", "launch", "liquid_pilot", "fly.launch.py", "simulator:=gazebo", "headless:=true"]

# The last stage is the default target of `docker build`.
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
# Installs for a robot, and tests it by inspecting the shipped pilot.
RUN bash -c 'source /opt/ros/${ROS_DISTRO}/setup.bash && ./run onboard inspect forest-ltc' \
    && rm -rf /root/.cache/pip
CMD ["ros2", "launch", "liquid_pilot", "hardware.launch.py", "--show-args"]
