# A robot's computer in a container, for boards whose system has no ROS 2 packages (Raspberry Pi OS,
# JetPack, Ubuntu 22.04). Same file for arm64 and amd64: docs/onboard.md.
#   docker build -t liquid_pilot .
#   docker run --rm -it --network host --ipc host liquid_pilot liquid-pilot doctor --onboard
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base

# Camera drivers and static transforms that hardware.launch.py starts. MAVROS and the message
# packages of other autopilots are added like these: --build-arg PACKAGES="ros-jazzy-mavros"
ARG PACKAGES=""
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        python3-venv \
        ros-${ROS_DISTRO}-tf2-ros \
        ros-${ROS_DISTRO}-v4l2-camera \
        ros-${ROS_DISTRO}-usb-cam \
        ros-${ROS_DISTRO}-camera-ros \
        ros-${ROS_DISTRO}-image-transport-plugins \
        ${PACKAGES} \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/liquid_pilot
COPY . .
# Into a virtual environment that sees the ROS 2 of the image; ends with a look at the shipped pilot.
RUN bash -c 'source /opt/ros/${ROS_DISTRO}/setup.bash && ./run onboard inspect forest-ltc' \
    && rm -rf /root/.cache/pip

# Compiled kernels live here; a volume on it makes every start a warm one.
ENV NUMBA_CACHE_DIR=/var/cache/liquid_pilot
# Alone on this machine unless `docker run -e` says otherwise.
ENV ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST

COPY config/onboard/entrypoint.bash /entrypoint.bash
ENTRYPOINT ["/bin/bash", "/entrypoint.bash"]
CMD ["ros2", "launch", "liquid_pilot", "hardware.launch.py", "--show-args"]
