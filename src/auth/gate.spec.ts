import { describe, expect, test } from '@jest/globals';
import { Gate } from './gate.js';

const PATIENT = new AbortController().signal;

/** Work that goes on until it is told to end. */
class Work {
  isBegun = false;
  end: () => void = () => undefined;

  readonly run = (): Promise<void> => {
    this.isBegun = true;
    return new Promise((resolve) => (this.end = resolve));
  };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a gate', () => {
  test('lets the others in, in order, as places become free', async () => {
    const gate = new Gate(2);
    const works = [new Work(), new Work(), new Work(), new Work()];
    const done = works.map(({ run }) => gate.through(PATIENT, run));
    await settle();
    const begun = () => works.map(({ isBegun }) => isBegun);
    expect(begun()).toEqual([true, true, false, false]);
    works[1]!.end();
    await settle();
    expect(begun()).toEqual([true, true, true, false]);
    works[0]!.end();
    await settle();
    expect(begun()).toEqual([true, true, true, true]);
    works[2]!.end();
    works[3]!.end();
    await Promise.all(done);
  });

  test('lets go of who gives up, and keeps no place for it', async () => {
    const gate = new Gate(1);
    const [first, second, third] = [new Work(), new Work(), new Work()];
    const running = gate.through(PATIENT, first.run);
    const impatient = new AbortController();
    const givenUp = gate.through(impatient.signal, second.run);
    const waiting = gate.through(PATIENT, third.run);
    impatient.abort(new Error('too long'));
    await expect(givenUp).rejects.toThrow('too long');
    first.end();
    await running;
    await settle();
    expect([second.isBegun, third.isBegun]).toEqual([false, true]);
    third.end();
    await waiting;
  });

  test('is free again after work that fails', async () => {
    const gate = new Gate(1);
    const failing = gate.through(PATIENT, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    await expect(gate.through(PATIENT, () => Promise.resolve(1))).resolves.toBe(1);
  });
});
