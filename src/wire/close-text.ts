import type { Close } from '../notifier/close.js';

/** RFC 6455, section 5.5: a control frame holds 125 bytes, two of which are the code. */
const MAX_REASON_BYTES = 123;

/** A close frame's reason: the reason's name, what is wrong, and when to come back; cut between characters where it is too long. */
export function closeText({ reason, detail, retryAfterMs }: Close): string {
  const time = retryAfterMs === undefined ? '' : ` retry_after_ms=${retryAfterMs}`;
  const text = detail === undefined ? reason : `${reason}: ${detail}`;
  return cut(text, MAX_REASON_BYTES - time.length) + time;
}

function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
