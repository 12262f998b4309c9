import type { Delivery } from '../notifier/delivery.js';
import type { ByteString } from '../notifier/event.js';
import { formatPosition } from '../notifier/position.js';

/** The text of server-sent events, as the HTML standard defines it (section 9.2.5, "Parsing an event stream"). */

const LINE_BREAK = /\r\n|\r|\n/g;

/** A comment: nothing to a client's application, a sign of life to the client. */
export const COMMENT = Buffer.from(':\n\n');

/** One message an event. The connections that share the delivery share the bytes. */
export function messagesOf(delivery: Delivery): Buffer {
  const { epoch, events } = delivery;
  return (delivery.encoded ??= Buffer.from(
    events.map((e) => message({ id: formatPosition({ epoch, seq: e.seq, tag: e.tag }) }, e.text)).join(''),
    'latin1',
  ));
}

/** A message of this server's own. */
export function namedMessage(fields: Readonly<Record<string, string>>, data: ByteString): Buffer {
  return Buffer.from(message(fields, data), 'latin1');
}

/** A line break in the data would end its line: what follows it becomes a `data:` line of its own. */
function message(fields: Readonly<Record<string, string>>, data: ByteString): ByteString {
  let text = '';
  for (const name in fields) text += `${name}: ${fields[name]}\n`;
  return `${text}data: ${data.replace(LINE_BREAK, '\ndata: ')}\n\n`;
}
