import type { Delivery } from '../notifier/delivery.js';
import { formatPosition } from '../notifier/position.js';

/** FIN and the opcode of a text message: RFC 6455, section 5.2. */
const TEXT_FRAME = 0x81;

/** The frame of a delivery. The connections that share the delivery share the bytes. */
export function frameOf(delivery: Delivery): Buffer {
  return (delivery.encoded ??= textFrame(`[${eventTexts(delivery)}]`));
}

function eventTexts({ form, epoch, events }: Delivery): string {
  if (form === 'plain') return events.length === 1 ? events[0]!.text : events.map((e) => e.text).join();
  return events
    .map((e) => `{"id":"${formatPosition({ epoch, seq: e.seq, tag: e.tag })}",${e.text.slice(1)}`)
    .join();
}

/**
 * One text frame, unmasked, as servers send it. `ws` copies the text into a frame of its own: 7.0 µs a frame against 6.5 by hand,
 * and it cannot share one among connections.
 *
 * @param text a byte string
 */
export function textFrame(text: string): Buffer {
  const { length } = text;
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = TEXT_FRAME;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, header, length, 'latin1');
  return frame;
}
