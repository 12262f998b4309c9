import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Queue, type Queued } from './queue.js';

class Item implements Queued<Item> {
  previous: Item | undefined;
  next: Item | undefined;

  constructor(readonly number: number) {}
}

test('a queue knows what came first of all that stands in it, whatever leaves it from anywhere', () => {
  const steps = fc.array(fc.oneof(fc.constant('add' as const), fc.nat(20)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (all) => {
      const queue = new Queue<Item>();
      const model: Item[] = [];
      for (const [number, step] of all.entries()) {
        if (step === 'add') model.push(new Item(number));
        if (step === 'add') queue.add(model.at(-1)!);
        else if (model.length > 0) queue.remove(model.splice(step % model.length, 1)[0]!);
        expect(queue.first).toBe(model[0]);
      }
      for (const item of model) {
        expect(queue.first).toBe(item);
        queue.remove(item);
      }
      expect(queue.first).toBeUndefined();
    }),
  );
});
