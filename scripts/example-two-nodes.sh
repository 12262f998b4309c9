# The story of two nodes that share one Redis. Sourced by runexample.sh.
# shellcheck shell=bash

event() { # accessid, created_at, payload
  printf '{"accessid":"%s","created_at":%s,"payload":"%s"}' "$@"
}

# The same as a resumable client is sent it: its id first.
with_id() { printf '{"id":"…",%s' "${1#?}"; }

# ------------------------------------------------------------------------------------------------------------ the parts

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

redis_answers() { [ "$(redis-cli -p "$redis_port" ping 2>/dev/null)" = PONG ]; }

# Nothing is saved: the example has no use for it afterwards.
start_redis() {
  redis_port=$(free_port)
  redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$work" --save '' >"$work/redis.log" 2>&1 &
  echo $! >"$work/redis.pid"
  command_line "redis-server --port $redis_port --save ''"
  wait_until redis_answers || fail 'redis-server did not start in time'
  heard redis "listens on 127.0.0.1:$redis_port"
}

# No heartbeat in between: a slow machine is not to see an empty array more than a fast one.
start_node() { # name
  start_server "$1" redis NOTIFIER_REDIS_URL="redis://127.0.0.1:$redis_port" NOTIFIER_HEARTBEAT=600
  wait_until is_ready "$1" || fail "missing line: $1 is ready"
}

is_ready() { request --fail "$(url_of "$1")/health/ready" >/dev/null 2>&1; }

# The resumable form begins with these lines: where it is, what was missed, the head.
readonly AT_THE_HEAD='< []'
subscribed() { # access id
  printf '< {"subscribed":{"access_id":"%s","recovered":true,"last_event_id":"…","heartbeat":600,"reconnect_within_ms":…}}' "$1"
}

# Connects a client in the resumable form, and shows all that it is sent until it has reached the head.
subscribe() { # client, server, last event id in JSON, frames of what it has missed…
  local client=$1 line
  remark "at $2:"
  connect "$client" "$2" "{ \"access_id\" : \"${client%%-*}\", \"last_event_id\" : $3 }"
  shift 3
  expect_unseen "$client" "$(subscribed "${client%%-*}")" "$@" "$AT_THE_HEAD"
  printed "$client" | while read -r line; do heard "$client" "$line"; done
}

# The id of the last event that a client was sent.
last_id() { # client
  printed "$1" | grep -o '"id":"[^"]*"' | tail -n 1 | cut -d: -f2
}

# The payloads that the connections of a client were sent, in order.
payloads() { # client…
  local client
  for client in "$@"; do
    printed "$client" | grep -o '"payload":"[^"]*"' | cut -d: -f2
  done | paste -sd' ' -
}

# ------------------------------------------------------------------------------------------------------------ the story

one=$(event client1 10 one)
two=$(event client1 20 two)
three=$(event client1 30 three)
four=$(event client1 40 four)
five=$(event client1 50 five)
other=$(event client2 15 'for client2')

scripts/install-services.sh redis-server

chapter '1. One Redis, and two nodes that share it'
start_redis
start_node node1
start_node node2

chapter '2. client1 subscribes at node1, client2 at node2'
subscribe client1 node1 null
subscribe client2 node2 null

chapter '3. A push at either node reaches both'
post node2 /push_events "[$one,$other]"
expect client1 "$(subscribed client1)" "$AT_THE_HEAD" "< [$(with_id "$one")]"
expect client2 "$(subscribed client2)" "$AT_THE_HEAD" "< [$(with_id "$other")]"
post node1 /push_events "[$two]"
expect client1 "$(subscribed client1)" "$AT_THE_HEAD" "< [$(with_id "$one")]" "< [$(with_id "$two")]"

chapter '4. node1, where client1 is connected, is killed (kill -9); pushes go on at node2'
end_process KILL node1 || true
expect client1 "$(subscribed client1)" "$AT_THE_HEAD" "< [$(with_id "$one")]" "< [$(with_id "$two")]" \
  'Disconnected (code: 1006, reason: "")'
post node2 /push_events "[$three,$four]"

chapter '5. client1 resumes at node2 after the last id that it has seen'
missed="< [$(with_id "$three"),$(with_id "$four")]"
subscribe client1-back node2 "$(last_id client1)" "$missed"

chapter '6. node1 starts again, and takes pushes for whoever is connected elsewhere'
start_node node1
post node1 /push_events "[$five]"
expect client1-back "$(subscribed client1)" "$missed" "$AT_THE_HEAD" "< [$(with_id "$five")]"

chapter '7. What client1 was sent over both connections: nothing missing, nothing twice'
everything='"one" "two" "three" "four" "five"'
[ "$(payloads client1 client1-back)" = "$everything" ] ||
  fail "client1 should have received $everything, but received $(payloads client1 client1-back)"
heard client1 "$(payloads client1 client1-back)"

chapter '8. Both nodes go down in an orderly way'
remark 'kill -TERM'
stop_server node1
stop_server node2
expect client2 "$(subscribed client2)" "$AT_THE_HEAD" "< [$(with_id "$other")]" \
  'Disconnected (code: 1012, reason: "restarting retry_after_ms=…")'
end_process TERM redis || true

happy_end 'Everybody received everything that was theirs, each event once, whichever node it was pushed to or came from.'
