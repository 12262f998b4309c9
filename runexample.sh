#!/usr/bin/env bash
# The main job, end to end, on this machine: three clients subscribe with wscat, a connector pushes with curl, one client
# is away for a while, one is dropped, the server is killed and comes back, and nobody has lost anything. The story is in
# scripts/example-one-node.sh.
#
# With `--nodes 2`: two nodes and one Redis, a push at the one is received at the other, the node of a client is killed, and the client goes
# on at the other where it was: scripts/example-two-nodes.sh.
#
# Exits non-zero, naming the line, if a line that somebody should have received did not arrive, or one arrived that
# should not have. Needs Node 20 or later, npm and curl (and redis-server, which is installed where it is missing), and leaves nothing running
# and nothing behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly usage='usage: ./runexample.sh [--nodes 1|2]'
case "$*" in
'' | '--nodes 1') story=scripts/example-one-node.sh ;;
'--nodes 2') story=scripts/example-two-nodes.sh ;;
-h | --help)
  echo "$usage"
  exit
  ;;
*)
  echo "$usage" >&2
  exit 64
  ;;
esac

# shellcheck source=scripts/example-steps.sh
. scripts/example-steps.sh

command -v curl >/dev/null || fail 'curl is missing'
# The example is the same everywhere, whatever the environment says to a server of your own.
unset HOST "${!NOTIFIER_@}"

chapter 'Install and build'
scripts/install.sh
command_line 'npm run build'
npm run --silent build

remark '… stands for what is different each time: ids, and how long to wait before coming back'

# shellcheck source=scripts/example-one-node.sh
. "$story"
