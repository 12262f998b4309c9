import type { Delivery } from '../notifier/delivery.js';
import { formatPosition } from '../notifier/position.js';
import { CLOSE_BRACKET, COMMA, OPEN_BRACKET } from '../wire/json-grammar.js';

/** FIN and the opcode of a text message: RFC 6455, section 5.2. */
const TEXT_FRAME = 0x81;

/** The frame of a delivery. The connections that share the delivery share the bytes. */
export function frameOf(delivery: Delivery): Buffer {
  return (delivery.encoded ??= arrayFrame(textsOf(delivery)));
}

function textsOf({ form, epoch, events }: Delivery): string[] {
  if (form === 'plain') return events.map(({ text }) => text);
  return events.map(
    ({ seq, tag, text }) => `{"id":"${formatPosition({ epoch, seq, tag })}",${text.slice(1)}`,
  );
}

/** One frame with an array of `texts`. To join them first costs a copy more: 0.24 µs an event instead of 0.16, 0.17 instead of 0.12 in a frame of six. */
function arrayFrame(texts: readonly string[]): Buffer {
  let length = 1 + texts.length;
  for (const text of texts) length += text.length;
  const frame = frameFor(length);
  let at = frame.length - length;
  frame[at++] = OPEN_BRACKET;
  for (let i = 0; i < texts.length; i++) {
    if (i > 0) frame[at++] = COMMA;
    at += frame.write(texts[i]!, at, 'latin1');
  }
  frame[at] = CLOSE_BRACKET;
  return frame;
}

/**
 * One text frame, unmasked, as servers send it. `ws` copies the text into a frame of its own: 7.0 µs a frame against 6.5 by hand,
 * and it cannot share one among connections.
 *
 * @param text a byte string
 */
export function textFrame(text: string): Buffer {
  const frame = frameFor(text.length);
  frame.write(text, frame.length - text.length, 'latin1');
  return frame;
}

/** A frame whose text, of that many bytes, is still to be written, at its end. */
function frameFor(length: number): Buffer {
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
  return frame;
}
