import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { compareUtf8, firstUsers } from './first-users.js';

const ids = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 });
/** Where the order of UTF-16 differs from that of UTF-8, and prefixes of one another. */
const tricky = fc
  .array(fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join(''));
const accessIds = fc.oneof(ids, tricky);

const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('the order of access ids', () => {
  it('is that of their bytes in UTF-8', () => {
    const holds = fc.property(accessIds, accessIds, (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(compareBytes(a, b));
    });
    fc.assert(holds, { numRuns: 2000 });
  });
});

describe('the first users', () => {
  const manyUsers = fc
    .uniqueArray(accessIds, { maxLength: 60 })
    .map((all) => all.map((accessId, connections) => ({ accessId, connections })));
  const limits = fc.integer({ min: 1, max: 12 });

  it('are those that sorting all of them by their bytes puts first', () => {
    const after = fc.option(accessIds, { nil: undefined });
    const holds = fc.property(manyUsers, after, limits, (users, after, limit) => {
      const sorted = users.toSorted((a, b) => compareBytes(a.accessId, b.accessId));
      const later = sorted.filter(({ accessId }) => after === undefined || compareBytes(accessId, after) > 0);
      expect(firstUsers(users, after, limit)).toEqual(later.slice(0, limit));
    });
    fc.assert(holds, { numRuns: 1000 });
  });

  it('are all of them, once each, when one page follows on the other', () => {
    const holds = fc.property(manyUsers, limits, (users, limit) => {
      const seen = [];
      let page = firstUsers(users, undefined, limit);
      while (page.length > 0) {
        seen.push(...page);
        page = firstUsers(users, page.at(-1)!.accessId, limit);
      }
      expect(seen).toEqual(users.toSorted((a, b) => compareBytes(a.accessId, b.accessId)));
    });
    fc.assert(holds);
  });
});
