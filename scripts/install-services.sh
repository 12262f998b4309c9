#!/usr/bin/env bash
# Installs the programs that the tests start for themselves and this machine lacks, and says which. Needs apt-get, as root or with sudo.
set -euo pipefail

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
  missing+=(chromium)
command -v redis-server >/dev/null || missing+=(redis-server)
((${#missing[@]} == 0)) && exit 0

echo "the tests need programs that are not installed: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "install them and run this again: ${missing[*]}" >&2
  exit 1
fi
as_root=()
((EUID == 0)) || as_root=(sudo)
echo "apt-get install ${missing[*]}"
"${as_root[@]}" apt-get update -qq
# RUNLEVEL: no service is to run by itself, the tests start their own.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
