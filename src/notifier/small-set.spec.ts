import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { SmallSet } from './small-set.js';

const MEMBERS = Array.from({ length: 4 }, (_, number) => ({ number }));

const step = fc.record({ adds: fc.boolean(), member: fc.constantFrom(...MEMBERS) });

test('it holds what a Set would hold, in the same order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const set = new Set<object>();
      const small = new SmallSet<object>();
      for (const { adds, member } of steps) {
        if (adds) {
          set.add(member);
          small.add(member);
        } else expect(small.delete(member)).toBe(set.delete(member));
        const visited: object[] = [];
        small.forEach((each) => visited.push(each));
        expect(visited).toEqual([...set]);
        expect(small.toArray()).toEqual([...set]);
        expect(small.size).toBe(set.size);
      }
    }),
  );
});

test.each([1, 3])('whoever goes while %d members are visited is not visited', (count) => {
  const small = new SmallSet<object>();
  const members = MEMBERS.slice(0, count);
  members.forEach((member) => small.add(member));
  const visited: object[] = [];
  small.forEach((member) => {
    visited.push(member);
    members.forEach((each) => small.delete(each));
  });
  expect(visited).toEqual([members[0]]);
  expect(small.size).toBe(0);
});
