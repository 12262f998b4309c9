# The story of one node with its embedded store. Sourced by runexample.sh.
# shellcheck shell=bash

readonly event1='{"accessid":"client1","created_at":10,"payload":"client1 message"}'
readonly event2='{"accessid":"client2","created_at":20,"payload":"client2 message"}'
readonly event3='{"accessid":"client3","created_at":30,"payload":{"text":"client3 message","read":false}}'
readonly event4='{"accessid":"client2","created_at":40,"payload":"sent while client2 was away"}'

start() { start_server server lmdb NOTIFIER_DATA_DIR="$work/data"; }

# The plain form: what the log still has from a timestamp on, and then everything.
subscribe() { # client, timestamp
  connect "$1" server "{ \"access_id\" : \"${1%%-*}\", \"timestamp\" : $2 }"
  wait_until is_connected server "${1%%-*}" || fail "missing line: ${1%%-*} in GET /clients"
}

chapter '1. The server starts'
start

chapter '2. Three clients subscribe'
command_line "npx wscat -c ws$(url_of server | sed 's/^http//')/subscribe_to_events"
subscribe client1 0
subscribe client2 0
subscribe client3 0

chapter '3. A push to client1 and client2'
post server /push_events "[$event1,$event2]"
expect client1 "< [$event1]"
expect client2 "< [$event2]"
expect_nothing client3

chapter '4. A push to client3'
post server /push_events "[$event3]"
expect client3 "< [$event3]"

chapter '5. A push to client2 while it is away: it has seen everything up to 20, and comes back for the rest'
goes_away client2 server
post server /push_events "[$event4]"
subscribe client2-back 21
expect client2-back "< [$event4]"

chapter '6. client1 is dropped'
post server /drop_user '{"drop_access_id":"client1"}'
dropped='Disconnected (code: 4503, reason: "dropped")'
expect client1 "< [$event1]" "$dropped"

chapter '7. The server is killed (kill -9) and starts again'
end_process KILL server || true
cut_off='Disconnected (code: 1006, reason: "")'
expect client2-back "< [$event4]" "$cut_off"
expect client3 "< [$event3]" "$cut_off"
start

chapter '8. Late subscribers get everything from the embedded store'
subscribe client1-late 0
expect client1-late "< [$event1]"
subscribe client2-late 0
expect client2-late "< [$event2,$event4]"
subscribe client3-late 0
expect client3-late "< [$event3]"

chapter '9. The server goes down in an orderly way'
remark 'kill -TERM'
stop_server server
restarting='Disconnected (code: 1012, reason: "restarting retry_after_ms=…")'
expect client1-late "< [$event1]" "$restarting"
expect client2-late "< [$event2,$event4]" "$restarting"
expect client3-late "< [$event3]" "$restarting"

happy_end 'Everybody received everything that was theirs, and nothing else.'
