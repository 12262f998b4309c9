import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { closeText } from './close-text.js';

/** RFC 6455, section 5.5: 125 bytes less the code. */
const MAX_REASON_BYTES = 123;

describe('the reason of a close', () => {
  test('names the reason, what is wrong, and when to come back', () => {
    expect(closeText({ reason: 'replaced' })).toBe('replaced');
    expect(closeText({ reason: 'invalid subscription', detail: 'timestamp must be an integer' })).toBe(
      'invalid subscription: timestamp must be an integer',
    );
    expect(closeText({ reason: 'restarting', retryAfterMs: 1234 })).toBe('restarting retry_after_ms=1234');
  });

  test('fits into a control frame, is well-formed, and keeps its beginning and the time', () => {
    const detail = fc.string({ unit: 'grapheme', maxLength: 200, size: 'max' });
    fc.assert(
      fc.property(detail, fc.option(fc.nat(), { nil: undefined }), (words, retryAfterMs) => {
        const close = { reason: 'try again later' as const, detail: words };
        const text = closeText(retryAfterMs === undefined ? close : { ...close, retryAfterMs });
        const time = retryAfterMs === undefined ? '' : ` retry_after_ms=${retryAfterMs}`;
        expect(text.endsWith(time)).toBe(true);
        const whole = `try again later: ${words}`;
        const kept = text.slice(0, text.length - time.length);
        expect(whole.startsWith(kept)).toBe(true);
        const bytes = Buffer.byteLength(text);
        expect(bytes).toBeLessThanOrEqual(MAX_REASON_BYTES);
        // No more is lost than the character that does not fit.
        if (kept !== whole) expect(bytes).toBeGreaterThan(MAX_REASON_BYTES - 4);
      }),
      { examples: [['\ufffd', undefined]] },
    );
  });
});
