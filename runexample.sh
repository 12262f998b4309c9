#!/usr/bin/env bash
# The main job, end to end, on this machine: three clients subscribe with wscat, a connector pushes with curl, one client
# is away for a while, one is dropped, the server is killed and comes back, and nobody has lost anything.
#
# Exits non-zero, naming the line, if a line that somebody should have received did not arrive, or one arrived that
# should not have. Needs Node 20 or later, npm and curl, and leaves nothing running and nothing behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# How long anything is waited for. A fast machine needs a fraction of a second.
readonly DEADLINE_SECONDS=30

# wscat says how a connection ended only on a terminal: this tells it that it is on one.
readonly AS_ON_A_TERMINAL='--import=data:text/javascript,import%20tty%20from%22node:tty%22;tty.isatty=()=>true'

work=$(mktemp -d)
server=''
url=''

# ---------------------------------------------------------------------------------------------------- what a person sees

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' blue=$'\e[34m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' blue='' plain=''
fi

chapter() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
remark() { printf '  %s%s%s\n' "$dim" "$*" "$plain"; }
command_line() { printf '  %s$ %s%s\n' "$blue" "$*" "$plain"; }
said() { printf '  %-8s %s> %s%s\n' "${1%%-*}" "$dim" "$2" "$plain"; }
heard() { printf '  %s%-8s %s%s\n' "$green" "${1%%-*}" "$2" "$plain"; }

fail() {
  printf '\n%sFAILED: %s%s\n' "$red" "$1" "$plain" >&2
  if [ -s "$work/server.log" ]; then
    printf 'The last lines of the server'"'"'s log:\n' >&2
    tail -n 10 "$work/server.log" >&2
  fi
  exit 1
}

# ------------------------------------------------------------------------------------------------------------ processes

# Ends a process that this script started, and waits until it is gone. Its exit code is the function's.
end_process() { # signal, process id
  kill "-$1" "$2" 2>/dev/null || true
  # The shell's own report of a killed job says nothing new.
  { wait "$2"; } 2>/dev/null
}

cleanup() {
  trap - EXIT
  set +e # whatever has ended already, the rest is to end too
  local file
  for file in "$work"/*.pid; do
    [ -e "$file" ] && end_process KILL "$(cat "$file")"
  done
  [ -z "$server" ] || end_process KILL "$server"
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Asks again and again until the command succeeds.
wait_until() { # command…
  local end=$((SECONDS + DEADLINE_SECONDS))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# ----------------------------------------------------------------------------------------------------------- the server

start_line() { grep -m 1 '^notifier listening on ' "$work/server.out"; }

has_started() { start_line >/dev/null || ! kill -0 "$server" 2>/dev/null; }

# On any free port, with all it stores in a folder of its own. The grace of going down is short: nobody has far to go here.
start_server() {
  : >"$work/server.out"
  PORT=0 NOTIFIER_STORE=lmdb NOTIFIER_DATA_DIR="$work/data" NOTIFIER_SHUTDOWN_DELAY=0 NOTIFIER_SHUTDOWN_GRACE=2 \
    node dist/main.js >"$work/server.out" 2>>"$work/server.log" &
  server=$!
  command_line 'node dist/main.js'
  wait_until has_started || fail 'missing line: notifier listening on … (the server did not start in time)'
  local line
  line=$(start_line) || fail 'missing line: notifier listening on … (the server ended at once)'
  heard server "$line"
  [[ $line == *'(store: lmdb)' ]] || fail "missing line: notifier listening on … (store: lmdb), but: $line"
  url=${line#notifier listening on }
  url=${url%% *}
}

request() { curl --disable --silent --show-error --noproxy '*' --max-time 10 "$@"; }

# Sends a connector's request, which must be answered `true`.
post() { # path, body
  command_line "curl $url$1 -H 'Content-Type: application/json' \\"
  printf '      %s%s%s\n' "$blue" "-d '$2'" "$plain"
  local answer
  answer=$(request "$url$1" -H 'Content-Type: application/json' -d "$2" -w ' (%{http_code})') || true
  heard server "$answer"
  [ "$answer" = 'true (200)' ] || fail "missing line: true (200), the answer to POST $1"
}

is_connected() { [[ $(request "$url/clients") == *"{\"access_id\":\"$1\","* ]]; }
is_away() { ! is_connected "$1"; }

# ---------------------------------------------------------------------------------------------------------- the clients

# What a client's wscat has printed, without what only a terminal understands.
transcript() { # label
  tr -d '\r' <"$work/$1.out" | sed -e $'s/\e\\[[0-9;]*[A-Za-z]//g' -e 's/^\(> \)*//' \
    -e 's/retry_after_ms=[0-9]*/retry_after_ms=…/' -e '/^$/d' -e '/^Connected /d'
}

says_connected() { grep 'Connected (press' "$work/$1.out" >/dev/null; }

# Connects a client and sends its first message, as typed by hand. A label is the access id, and where the client comes
# back, a dash and the occasion.
subscribe() { # label, timestamp
  local label=$1 access_id=${1%%-*} message="{ \"access_id\" : \"${1%%-*}\", \"timestamp\" : $2 }"
  mkfifo "$work/$label.in"
  : >"$work/$label.out"
  # Opened for reading and writing: wscat ends when its input does.
  NODE_OPTIONS=$AS_ON_A_TERMINAL node_modules/.bin/wscat --no-color -c "ws${url#http}/subscribe_to_events" \
    <>"$work/$label.in" >"$work/$label.out" 2>&1 &
  echo $! >"$work/$label.pid"
  wait_until says_connected "$label" || fail "missing line: Connected, of $access_id's wscat"
  echo "$message" >"$work/$label.in"
  said "$label" "$message"
  wait_until is_connected "$access_id" || fail "missing line: $access_id in GET /clients"
}

goes_away() { # label
  end_process TERM "$(cat "$work/$1.pid")" || true
  rm "$work/$1.pid"
  wait_until is_away "${1%%-*}" || fail "${1%%-*} is gone, but GET /clients still lists it"
  remark "${1%%-*} is away"
}

transcript_is() { [ "$(transcript "$1")" = "$2" ]; }

# The client's wscat must have printed exactly these lines by now; the last one is shown.
expect() { # label, line…
  local label=$1 lines line
  shift
  lines=$(printf '%s\n' "$@")
  if ! wait_until transcript_is "$label" "$lines"; then
    for line in "$@"; do
      transcript "$label" | grep -xF -- "$line" >/dev/null || fail "missing line of ${label%%-*}: $line"
    done
    fail "${label%%-*} should have received exactly this:
$lines
but received this:
$(transcript "$label")"
  fi
  heard "$label" "${*: -1}"
}

expect_nothing() { # label
  transcript_is "$1" '' || fail "${1%%-*} should have received nothing, but received: $(transcript "$1")"
  heard "$1" '(nothing)'
}

# ------------------------------------------------------------------------------------------------------------ the story

command -v curl >/dev/null || fail 'curl is missing'
# The example is the same everywhere, whatever the environment says to a server of your own.
unset HOST "${!NOTIFIER_@}"

chapter 'Install and build'
scripts/install.sh
command_line 'npm run build'
npm run --silent build

event1='{"accessid":"client1","created_at":10,"payload":"client1 message"}'
event2='{"accessid":"client2","created_at":20,"payload":"client2 message"}'
event3='{"accessid":"client3","created_at":30,"payload":{"text":"client3 message","read":false}}'
event4='{"accessid":"client2","created_at":40,"payload":"sent while client2 was away"}'

chapter '1. The server starts'
start_server

chapter '2. Three clients subscribe'
command_line "npx wscat -c ws${url#http}/subscribe_to_events"
subscribe client1 0
subscribe client2 0
subscribe client3 0

chapter '3. A push to client1 and client2'
post /push_events "[$event1,$event2]"
expect client1 "< [$event1]"
expect client2 "< [$event2]"
expect_nothing client3

chapter '4. A push to client3'
post /push_events "[$event3]"
expect client3 "< [$event3]"

chapter '5. A push to client2 while it is away: it has seen everything up to 20, and comes back for the rest'
goes_away client2
post /push_events "[$event4]"
subscribe client2-back 21
expect client2-back "< [$event4]"

chapter '6. client1 is dropped'
post /drop_user '{"drop_access_id":"client1"}'
dropped='Disconnected (code: 4503, reason: "dropped")'
expect client1 "< [$event1]" "$dropped"

chapter '7. The server is killed (kill -9) and starts again'
end_process KILL "$server" || true
cut_off='Disconnected (code: 1006, reason: "")'
expect client2-back "< [$event4]" "$cut_off"
expect client3 "< [$event3]" "$cut_off"
start_server

chapter '8. Late subscribers get everything from the embedded store'
subscribe client1-late 0
expect client1-late "< [$event1]"
subscribe client2-late 0
expect client2-late "< [$event2,$event4]"
subscribe client3-late 0
expect client3-late "< [$event3]"

chapter '9. The server goes down in an orderly way'
remark 'kill -TERM'
stopped=0
end_process TERM "$server" || stopped=$?
server=''
restarting='Disconnected (code: 1012, reason: "restarting retry_after_ms=…")'
expect client1-late "< [$event1]" "$restarting"
expect client2-late "< [$event2,$event4]" "$restarting"
expect client3-late "< [$event3]" "$restarting"
[ "$stopped" -eq 0 ] || fail "the server should have ended with exit code 0, but ended with $stopped"

printf '\n%sEverybody received everything that was theirs, and nothing else.%s\n' "$bold$green" "$plain"
