#!/usr/bin/env bash
# A real video through the live ROS 2 node, from a bare clone:
#
#   bash scripts/demo.sh                     # pedestrians, from Debian's package opencv-doc
#   bash scripts/demo.sh VIDEO               # yours; also an image folder or a bag
#   bash scripts/demo.sh --rendered          # a robot among rendered people, with known truth
#
# Options after the video:
#   --seconds S         how much of it is played (default: 30)
#   --output DIR        where the results go (default: out/demo)
#   --hfov DEG          horizontal field of view of the camera (default: 60, an assumption)
#   --camera-height M   the camera stands still at this height: results are in a world with z up;
#                       without it they are in the camera frame
#   --camera-pitch DEG  how far it looks down (default: 0)
#
# It makes the workspace (.venv, build, install), fetches the detector, starts the node and a
# recorder, plays the video over DDS in real time, and leaves poses.mcap, poses.jsonl, overlay.mp4,
# scene.png and summary.json in the output folder. ROS_DISTRO=kilted takes Kilted instead of Jazzy.
set -eo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${OCCPOSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/occpose}
video='' seconds=30 output=$root/out/demo hfov='' height='' pitch=''
node_pid='' recorder_pid='' player_pid=''

say() { echo "demo: $*"; }
fail() { echo "demo: $*" >&2; exit 1; }
usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

[ "$1" != --rendered ] || exec bash "$root/scripts/demo_rendered.sh" "${@:2}"

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --seconds | --output | --hfov | --camera-height | --camera-pitch)
      [ $# -ge 2 ] || fail "$1 needs a value."
      case $1 in
        --seconds) seconds=$2 ;;
        --output) output=$2 ;;
        --hfov) hfov=$2 ;;
        --camera-height) height=$2 ;;
        --camera-pitch) pitch=$2 ;;
      esac
      shift 2 ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$video" ] || { usage >&2; exit 2; }
      video=$1; shift ;;
  esac
done

# The pedestrian video of the OpenCV samples, without installing anything.
fetch_pedestrians() {
  local folder
  video=$cache/pedestrians.avi
  [ -s "$video" ] && return
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail \
    "the pedestrian video comes from the Debian package opencv-doc, and this machine has no apt:" \
    "give a video of yours: bash scripts/demo.sh VIDEO"
  say "getting the pedestrian video from the package opencv-doc (96 MB, once)"
  mkdir -p "$cache"
  folder=$(mktemp -d)
  (cd "$folder" && apt-get -qq download opencv-doc 2>"$folder/log") || {
    sed 's/^/demo: apt-get: /' "$folder/log" >&2
    rm -rf "$folder"
    fail "apt-get could not download opencv-doc ('sudo apt-get update' may help);" \
      "or give a video of yours: bash scripts/demo.sh VIDEO"
  }
  dpkg-deb --fsys-tarfile "$folder"/opencv-doc_*.deb |
    tar -xOf - --wildcards '*/vtest.avi*' >"$folder/video" 2>/dev/null || true
  if gzip -t "$folder/video" 2>/dev/null; then
    mv "$folder/video" "$folder/video.gz"
    gzip -d "$folder/video.gz"
  fi
  [ -s "$folder/video" ] || {
    rm -rf "$folder"
    fail "the package opencv-doc of this system holds no vtest.avi: give a video of yours."
  }
  mv "$folder/video" "$video"
  rm -rf "$folder"
}

# Every process that was started here is told to stop, and waited for.
stop() {
  local pid=$1 name=$2 tries
  [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 0
  kill -INT "$pid" 2>/dev/null || true
  for tries in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || { wait "$pid" 2>/dev/null || true; return 0; }
    sleep 0.1
  done
  say "the $name does not stop: killing it"
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}
clean_up() {
  stop "$player_pid" player
  stop "$recorder_pid" recorder
  stop "$node_pid" node
  player_pid='' recorder_pid='' node_pid=''
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME MODULE ARGUMENTS...: in the background, with its own log; its pid is in $started.
start() {
  local name=$1 module=$2
  shift 2
  # A background process of a script ignores SIGINT unless told otherwise.
  env --default-signal=INT python3 -m "ros2_occpose.ros.$module" --ros-args -r __ns:=/occpose \
    -r image:=/camera/image -r camera_info:=/camera/camera_info "$@" >"$output/$name.log" 2>&1 &
  started=$!
}

# wait_for TEXT PID LOG: until the log says it.
wait_for() {
  local tries
  for tries in $(seq 600); do
    ! grep -q "$1" "$3" || return 0
    kill -0 "$2" 2>/dev/null || { tail -n 20 "$3" >&2; fail "it ended too early, see $3"; }
    sleep 0.1
  done
  tail -n 20 "$3" >&2
  fail "nothing for a minute, see $3"
}

[ -z "$video" ] || [ -e "$video" ] || fail "there is no $video."
begin=$SECONDS
bash "$root/scripts/bootstrap.sh"
# shellcheck source=scripts/env.sh
source "$root/scripts/env.sh"
# Nobody else's nodes hear this, and this hears nobody else's.
export ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-$((RANDOM % 100 + 1))} ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
occpose models fetch

note="horizontal field of view ${hfov:-60} degrees$([ -n "$hfov" ] || echo ' (assumed)')"
if [ -z "$video" ]; then
  fetch_pedestrians
  # That camera was never calibrated. Height and pitch follow from how tall people appear where in
  # the image, if they are 1.72 m tall and the field of view is 38 degrees, which is a guess.
  hfov=${hfov:-38} height=${height:-7} pitch=${pitch:-18}
  note="assumed: horizontal field of view $hfov degrees, $height m high, looking down $pitch degrees"
fi
hfov=${hfov:-60} pitch=${pitch:-0}
mkdir -p "$output"
output=$(cd "$output" && pwd -P)
rm -f "$output"/{poses.mcap,poses.jsonl,overlay.mp4,scene.png,summary.json,*.log}
say "camera: $note"

pose=()
if [ -n "$height" ]; then
  mount=$(python3 -c 'import sys
from ros2_occpose.geometry import quat_wxyz_from_matrix
from ros2_occpose.recording.source import level_pose
pose = level_pose(*map(float, sys.argv[1:]))
w, x, y, z = quat_wxyz_from_matrix(pose[:3, :3]).tolist()
print([*pose[:3, 3].tolist(), x, y, z, w])' "$height" "$pitch")
  pose=(-p camera_pose:=static -p world_frame:=world -p "camera_mount:=$mount")
fi
start node pose_node "${pose[@]}"
node_pid=$started
start recorder record_node -p "output:=$output"
recorder_pid=$started
wait_for 'Listening to' "$node_pid" "$output/node.log"
wait_for 'Recording into' "$recorder_pid" "$output/recorder.log"

say "playing $seconds s of $(basename "$video") in real time (log of the node: $output/node.log)"
start player play_node -p "input:=$video" -p "seconds:=$(python3 -c "print(float('$seconds'))")" \
  -p listeners:=2 -p "hfov_deg:=$(python3 -c "print(float('$hfov'))")"
player_pid=$started
wait "$player_pid" || { tail -n 20 "$output/player.log" >&2; fail "the player failed."; }
player_pid=''
peak_kb=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$node_pid/status" 2>/dev/null || true)
[ -n "$peak_kb" ] || { tail -n 20 "$output/node.log" >&2; fail "the node died, see $output/node.log"; }
clean_up

say "drawing"
python3 "$root/scripts/demo_report.py" "$video" "$output" --seconds "$seconds" --hfov "$hfov" \
  ${height:+--camera-height "$height" --camera-pitch "$pitch"} --camera-note "$note" \
  --node-peak-mb "$(python3 -c "print(round($peak_kb * 1.024e-3, 1))")"
say "poses.mcap, poses.jsonl, overlay.mp4, scene.png and summary.json are in $output" \
  "($((SECONDS - begin)) s)"
