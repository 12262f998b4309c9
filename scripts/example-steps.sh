# What the stories of runexample.sh are made of: servers, a connector (curl), clients (wscat), and what a person sees of them. Sourced by it.
# shellcheck shell=bash

# How long anything is waited for. A fast machine needs a fraction of a second.
readonly DEADLINE_SECONDS=30

# wscat says how a connection ended only on a terminal: this tells it that it is on one.
readonly AS_ON_A_TERMINAL='--import=data:text/javascript,import%20tty%20from%22node:tty%22;tty.isatty=()=>true'

# Of each process its id (NAME.pid), of a server its start line, log and URL, of a client what it printed. A client's name is the access id, and
# where it comes back, a dash and the occasion.
work=$(mktemp -d)

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
happy_end() { printf '\n%s%s%s\n' "$bold$green" "$*" "$plain"; }

fail() {
  printf '\n%sFAILED: %s%s\n' "$red" "$1" "$plain" >&2
  local log
  for log in "$work"/*.log; do
    [ -s "$log" ] || continue
    printf 'The last lines of the log of %s:\n' "$(basename "$log" .log)" >&2
    tail -n 10 "$log" >&2
  done
  exit 1
}

# ------------------------------------------------------------------------------------------------------------ processes

# Ends a process that this script started, and waits until it is gone. Its exit code is the function's.
end_process() { # signal, name
  local id
  id=$(cat "$work/$2.pid")
  rm "$work/$2.pid"
  kill "-$1" "$id" 2>/dev/null || true
  # The shell's own report of a killed job says nothing new.
  { wait "$id"; } 2>/dev/null
}

cleanup() {
  trap - EXIT
  set +e # whatever has ended already, the rest is to end too
  local file
  for file in "$work"/*.pid; do
    [ -e "$file" ] && end_process KILL "$(basename "$file" .pid)"
  done
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

# ---------------------------------------------------------------------------------------------------------- the servers

start_line() { grep -m 1 '^notifier listening on ' "$work/$1.out"; }

has_started() { start_line "$1" >/dev/null || ! kill -0 "$(cat "$work/$1.pid")" 2>/dev/null; }

# On any free port. The grace of going down is short: nobody has far to go here.
start_server() { # name, store, setting=value…
  local server=$1 store=$2 line
  shift 2
  set -- PORT=0 NOTIFIER_STORE="$store" NOTIFIER_SHUTDOWN_DELAY=0 NOTIFIER_SHUTDOWN_GRACE=2 "$@"
  : >"$work/$server.out"
  env "$@" node dist/main.js >"$work/$server.out" 2>>"$work/$server.log" &
  echo $! >"$work/$server.pid"
  command_line "$* node dist/main.js"
  wait_until has_started "$server" || fail 'missing line: notifier listening on … (the server did not start in time)'
  line=$(start_line "$server") || fail 'missing line: notifier listening on … (the server ended at once)'
  heard "$server" "$line"
  [[ $line == *"(store: $store)" ]] || fail "missing line: notifier listening on … (store: $store), but: $line"
  line=${line#notifier listening on }
  echo "${line%% *}" >"$work/$server.url"
}

url_of() { cat "$work/$1.url"; }

# Asks it to go down in its own time: exit code 0.
stop_server() { # name
  local code=0
  end_process TERM "$1" || code=$?
  [ "$code" -eq 0 ] || fail "$1 should have ended with exit code 0, but ended with $code"
}

request() { curl --disable --silent --show-error --noproxy '*' --max-time 10 "$@"; }

# Sends a connector's request, which must be answered `true`.
post() { # server, path, body
  local url answer
  url=$(url_of "$1")
  command_line "curl $url$2 -H 'Content-Type: application/json' \\"
  printf '      %s%s%s\n' "$blue" "-d '$3'" "$plain"
  answer=$(request "$url$2" -H 'Content-Type: application/json' -d "$3" -w ' (%{http_code})') || true
  heard "$1" "$answer"
  [ "$answer" = 'true (200)' ] || fail "missing line: true (200), the answer to POST $2"
}

is_connected() { [[ $(request "$(url_of "$1")/clients") == *"{\"access_id\":\"$2\","* ]]; }
is_away() { ! is_connected "$@"; }

# ---------------------------------------------------------------------------------------------------------- the clients

# What a client's wscat has printed, without what only a terminal understands.
printed() { # client
  tr -d '\r' <"$work/$1.out" | sed -e $'s/\e\\[[0-9;]*[A-Za-z]//g' -e 's/^\(> \)*//' -e '/^$/d' -e '/^Connected /d'
}

# The same without what is different each time.
transcript() { # client
  printed "$1" | sed -e 's/retry_after_ms=[0-9]*/retry_after_ms=…/' -e 's/"id":"[^"]*"/"id":"…"/g' \
    -e 's/"last_event_id":"[^"]*"/"last_event_id":"…"/' -e 's/"reconnect_within_ms":[0-9]*/"reconnect_within_ms":…/'
}

says_connected() { grep 'Connected (press' "$work/$1.out" >/dev/null; }

# Connects a client and sends its first message, as typed by hand.
connect() { # client, server, first message
  local url
  url=$(url_of "$2")
  mkfifo "$work/$1.in"
  : >"$work/$1.out"
  # Opened for reading and writing: wscat ends when its input does.
  NODE_OPTIONS=$AS_ON_A_TERMINAL node_modules/.bin/wscat --no-color -c "ws${url#http}/subscribe_to_events" \
    <>"$work/$1.in" >"$work/$1.out" 2>&1 &
  echo $! >"$work/$1.pid"
  wait_until says_connected "$1" || fail "missing line: Connected, of the wscat of ${1%%-*}"
  echo "$3" >"$work/$1.in"
  said "$1" "$3"
}

goes_away() { # client, server
  end_process TERM "$1" || true
  wait_until is_away "$2" "${1%%-*}" || fail "${1%%-*} is gone, but GET /clients still lists it"
  remark "${1%%-*} is away"
}

transcript_is() { [ "$(transcript "$1")" = "$2" ]; }

# The client's wscat must have printed exactly these lines by now.
expect_unseen() { # client, line…
  local client=$1 lines line
  shift
  lines=$(printf '%s\n' "$@")
  if ! wait_until transcript_is "$client" "$lines"; then
    for line in "$@"; do
      transcript "$client" | grep -xF -- "$line" >/dev/null || fail "missing line of ${client%%-*}: $line"
    done
    fail "${client%%-*} should have received exactly this:
$lines
but received this:
$(transcript "$client")"
  fi
}

# The same, and shows the last one.
expect() { # client, line…
  expect_unseen "$@"
  heard "$1" "${*: -1}"
}

expect_nothing() { # client
  transcript_is "$1" '' || fail "${1%%-*} should have received nothing, but received: $(transcript "$1")"
  heard "$1" '(nothing)'
}
