import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { closeText } from './close-text.js';

describe('the reason of a close', () => {
  test('names the reason, what is wrong, and when to come back', () => {
    expect(closeText({ reason: 'replaced' })).toBe('replaced');
    expect(closeText({ reason: 'invalid subscription', detail: 'timestamp must be an integer' })).toBe(
      'invalid subscription: timestamp must be an integer',
    );
    expect(closeText({ reason: 'restarting', retryAfterMs: 1234 })).toBe('restarting retry_after_ms=1234');
  });

  test('fits into a control frame, is well-formed, and keeps its beginning and the time', () => {
    const detail = fc.string({ unit: 'grapheme', maxLength: 200 });
    fc.assert(
      fc.property(detail, fc.option(fc.nat(), { nil: undefined }), (words, retryAfterMs) => {
        const close = { reason: 'try again later' as const, detail: words };
        const text = closeText(retryAfterMs === undefined ? close : { ...close, retryAfterMs });
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(123);
        expect(text).not.toContain('\ufffd');
        expect(text.startsWith('try again later')).toBe(true);
        if (retryAfterMs !== undefined) expect(text).toMatch(new RegExp(`retry_after_ms=${retryAfterMs}$`));
      }),
    );
  });
});
