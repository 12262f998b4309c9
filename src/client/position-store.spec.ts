import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { PositionStore } from './position-store.js';

/** Each position takes until the test says that it is written, or was not. */
class SlowStorage {
  readonly asked: string[] = [];
  private settle!: { written: () => void; failed: (error: Error) => void };

  get(): undefined {
    return undefined;
  }

  set(_key: string, position: string): Promise<void> {
    this.asked.push(position);
    return new Promise((written, failed) => (this.settle = { written, failed }));
  }

  async written(): Promise<void> {
    this.settle.written();
    await turn();
  }

  async failed(): Promise<void> {
    this.settle.failed(new Error('full'));
    await turn();
  }
}

describe('a position that is kept in a storage', () => {
  it('is written when the last one is, and then the newest of those that came meanwhile', async () => {
    const storage = new SlowStorage();
    const positions = new PositionStore(storage, 'key');
    for (const position of ['1', '2', '3']) positions.save(position);
    expect(storage.asked).toEqual(['1']);
    await storage.written();
    expect(storage.asked).toEqual(['1', '3']);
    await storage.written();
    expect(storage.asked).toEqual(['1', '3']);
  });

  it('is written although the one before could not be', async () => {
    const storage = new SlowStorage();
    const positions = new PositionStore(storage, 'key');
    positions.save('1');
    await storage.failed();
    positions.save('2');
    expect(storage.asked).toEqual(['1', '2']);
    expect(positions.position).toBe('2');
    await storage.written();
  });
});
