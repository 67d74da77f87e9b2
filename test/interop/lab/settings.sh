# Sourced by the other scripts: where things are kept, and what they are called.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB=${LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/ibcm-lab}
LAB_NAME=${LAB_NAME:-ibcm-lab} # network namespace, and the folder of the running lab's state
STATE=$LAB/state/$LAB_NAME
CONTROL_PORT=7701 # on the namespace's 127.0.0.1: commands for the guest

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}
inside() { ip netns exec "$LAB_NAME" "$@"; }
