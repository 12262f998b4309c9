#!/usr/bin/env bash
# Installs redis-server where it is missing: the tests of several nodes run against real servers.
set -euo pipefail

command -v redis-server >/dev/null && exit 0
echo 'redis-server is missing: apt-get install redis-server'
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
# Nothing is to run by itself: the tests start their own.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
  apt-get install -y -qq --no-install-recommends redis-server >/dev/null
