import type { Subscribed } from '../notifier/connection.js';
import { byteString, type ByteString } from '../notifier/event.js';

/** What a resumable subscriber is told first, as it stands on the wire. `docs/protocol.md`, section 3. */
export function subscribedText(subscribed: Subscribed): ByteString {
  const { accessId, recovered, lastEventId, heartbeatSeconds, reconnectWithinMs } = subscribed;
  const message = {
    access_id: accessId,
    recovered,
    last_event_id: lastEventId,
    heartbeat: heartbeatSeconds,
    reconnect_within_ms: reconnectWithinMs,
  };
  return byteString(JSON.stringify({ subscribed: message }));
}
