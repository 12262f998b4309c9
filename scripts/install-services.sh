#!/usr/bin/env bash
# Installs the programs that the tests start for themselves and this machine lacks, and says which: all of them, or those that are named as
# arguments. Needs apt-get, as root or with sudo.
set -euo pipefail

# Package, and the programs of which one is enough.
readonly PROGRAMS='
chromium       chromium chromium-browser google-chrome
redis-server   redis-server
valkey-server  valkey-server
nginx          nginx
haproxy        haproxy
caddy          caddy
php-cli        php
python3        python3
golang-go      go
'

# Debian keeps servers where only root looks.
PATH=$PATH:/usr/sbin:/usr/local/sbin

is_installed() { # program…
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null && return
  done
  return 1
}

is_wanted() { # package; wanted packages, none for all
  local package=$1
  shift
  (($# == 0)) || [[ " $* " == *" $package "* ]]
}

missing=()
while read -r package programs; do
  [ -n "$package" ] && is_wanted "$package" "$@" || continue
  # shellcheck disable=SC2086 # several words are meant
  is_installed $programs || missing+=("$package")
done <<<"$PROGRAMS"
((${#missing[@]} == 0)) && exit 0

echo "programs that are needed are not installed: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "install them and run this again: ${missing[*]}" >&2
  exit 1
fi
as_root=()
((EUID == 0)) || as_root=(sudo)
# No service is to run by itself, the tests start their own: that is what this file says to whatever is installed.
policy=/usr/sbin/policy-rc.d
list=$(mktemp)
own_policy=
clean_up() {
  rm -f "$list"
  [ -z "$own_policy" ] || "${as_root[@]}" rm -f "$policy"
}
trap clean_up EXIT
if [ ! -e "$policy" ]; then
  own_policy=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

# Debian 12 has Valkey among its backports only: they are asked this once, and not added to the system's sources.
sources=()
if [[ " ${missing[*]} " == *' valkey-server '* ]] && grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
  cat /etc/apt/sources.list >"$list" 2>/dev/null || true
  echo 'deb http://deb.debian.org/debian bookworm-backports main' >>"$list"
  sources=(-o "Dir::Etc::sourcelist=$list")
fi

echo "apt-get install ${missing[*]}"
"${as_root[@]}" apt-get "${sources[@]}" update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get "${sources[@]}" install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
