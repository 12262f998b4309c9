import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { accessIdFault, byteString } from '../../src/notifier/event.js';
import { event, held, newest, push, readAfter, textsOf } from './events.js';
import { Announcements, type Suite } from './harness.js';

/** Each is a user of its own, whatever it means to an object, a pattern, a path, a key's order or an encoding. */
const ACCESS_IDS = [
  ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null', 'undefined', '0', '-1', 'NaN'],
  ['*', '?', '[a-z]', '{alice}', '{', '}', 'a:b', 'a', 'aa', 'A', 'a/b', '.', '..', '/', '%00', '\\', '"'],
  [
    ' ',
    'a ',
    ' a',
    '\u00a0',
    '\u200b',
    'é',
    'e\u0301',
    'ß',
    'ss',
    '\ufffd',
    '\ue000',
    '\u{10ffff}',
    '\ufeff',
  ],
  ['😀'.repeat(64), `${'😀'.repeat(63)}😁`, 'x'.repeat(256), 'x'.repeat(255), 'é'.repeat(128), '\uffff'],
].flat();

/** Payloads whose text must not change by a byte. */
const PAYLOADS = [
  ['1.0', '12345678901234567890', '1E400', '-0', '"\\u00e9"', '"é"', '"\u2028\ud83d\ude00"', 'null', '{}'],
  ['{ "b" : 1,\n\t"a":2, "b": 3 }', '"\\u0000"', '"\u007f\u0080\u00ff\u0100\u07ff\u0800\uffff\u{10ffff}"'],
].flat();

export function describeAnyText({ open }: Suite): void {
  describe('an access id', () => {
    it('of any sort is one user, and no other', async () => {
      const { log } = await open();
      for (const accessId of ACCESS_IDS) expect(accessIdFault(accessId)).toBeUndefined();
      const places = [];
      for (const accessId of ACCESS_IDS) places.push(await newest(log, accessId));
      await log.append(push(...ACCESS_IDS.map((accessId, i) => event(accessId, i))));
      await log.append(push(...ACCESS_IDS.map((accessId, i) => event(accessId, -i))));
      for (const [i, accessId] of ACCESS_IDS.entries()) {
        const texts = textsOf([event(accessId, i), event(accessId, -i)]);
        expect(textsOf((await readAfter(log, accessId, places[i]!))!)).toEqual(texts);
        expect(await log.extent(accessId)).toMatchObject({ events: 2, drops: 0 });
        expect(await log.drop(accessId)).toBe(1);
      }
    });

    it('is announced as it was pushed', async () => {
      const harness = await open();
      const announcements = await Announcements.of(harness, ...ACCESS_IDS);
      await harness.log.append(push(...ACCESS_IDS.map((accessId) => event(accessId, 1))));
      await announcements.ofEvents(ACCESS_IDS.length);
      expect(announcements.all.map(({ accessId }) => accessId).sort()).toEqual(ACCESS_IDS.toSorted());
    });
  });

  describe('an event’s text', () => {
    it('comes back byte for byte, read and announced', async () => {
      const harness = await open();
      const announcements = await Announcements.of(harness, 'alice');
      const events = PAYLOADS.map((payload, i) => event('alice', i, payload));
      await harness.log.append(push(...events));
      expect(textsOf(await held(harness.log, 'alice'))).toEqual(textsOf(events));
      await announcements.ofEvents(events.length);
      expect(textsOf(announcements.all[0]!.events)).toEqual(textsOf(events));
    });

    it('is kept in its bytes, whatever they are', async () => {
      const { log } = await open();
      const payloads = fc.array(fc.string({ unit: 'binary', maxLength: 300 }), {
        minLength: 1,
        maxLength: 5,
      });
      const holds = fc.asyncProperty(payloads, async (strings) => {
        const before = await newest(log, 'alice');
        const events = strings.map((one) => event('alice', 1, JSON.stringify(one)));
        await log.append(push(...events));
        expect(textsOf((await readAfter(log, 'alice', before))!)).toEqual(textsOf(events));
      });
      await fc.assert(holds, { numRuns: 40 });
    });

    it('is weighed by its bytes in UTF-8', async () => {
      const { log } = await open({ bufferBytes: 1000 });
      const text = `"${'é'.repeat(300)}"`;
      await log.append(push(event('alice', 1, text), event('alice', 2, text)));
      const events = await held(log, 'alice');
      expect(events).toHaveLength(1);
      expect((await log.view('alice', 0)).head!.bytes).toBe(events[0]!.text.length);
      expect(events[0]!.text).toContain(byteString(text));
    });

    it('may be as large as a push can be', async () => {
      const { log } = await open();
      const large = event('alice', 1, `"${'ü'.repeat(512 * 1024)}"`);
      await log.append(push(event('alice', 0), large, event('alice', 2)));
      expect(textsOf(await held(log, 'alice'))[1] === large.text).toBe(true);
    });
  });
}
