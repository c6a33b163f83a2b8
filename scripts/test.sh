#!/usr/bin/env bash
# Run the tests, from a bare clone too; arguments go to pytest:
#
#   bash scripts/test.sh
#   bash scripts/test.sh test/ros -k messages
#   ROS_DISTRO=kilted bash scripts/test.sh
set -eo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
bash "$root/scripts/bootstrap.sh" --dev
# shellcheck source=scripts/env.sh
source "$root/scripts/env.sh"
cd "$root"
occpose models fetch || echo 'test.sh: tests that need the default detector will be skipped' >&2
occpose models fetch body || echo 'test.sh: tests that need the human body will be skipped' >&2
exec python3 -m pytest --timeout=300 "$@"
