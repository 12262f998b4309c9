import { describe, expect, test } from '@jest/globals';
import {
  column,
  merge,
  minutesKnown,
  secondsUntil,
  total,
  worst,
  type FiguresAnswer,
  type Lane,
} from '../console/src/lanes.js';

const FIGURES = ['at', 'connections', 'latency_p99_ms'];

type Node = FiguresAnswer['nodes'][number];

/** A node with so many connections in each of some seconds. */
function node(name: string, samples: Readonly<Record<number, number>>): Node {
  const all = Object.entries(samples).map(([second, connections]) => [
    Number(second) * 1000,
    connections,
    connections,
  ]);
  return { node: name, started_at: 1000, samples: all };
}

const answer = (...nodes: Node[]): FiguresAnswer => ({
  store: 'memory',
  subscribers: 'everyone',
  figures: FIGURES,
  nodes,
});

const after = (...answers: FiguresAnswer[]) => answers.reduce<readonly Lane[]>(merge, []);

const values = (lane: Lane, newest: number) =>
  column(lane, 'connections', secondsUntil(newest, 2)).filter((value) => value !== null);

describe('the lanes of the plots', () => {
  test('are made of what each answer adds', () => {
    const lanes = after(answer(node('a', { 1: 10, 2: 20 })), answer(node('a', { 2: 20, 3: 30 })));
    expect(lanes).toHaveLength(1);
    expect(lanes[0]!.samples).toHaveLength(3);
    expect(values(lanes[0]!, 3)).toEqual([10, 20, 30]);
    expect(merge(lanes, answer(node('a', {}), node('b', {})))).toHaveLength(2);
  });

  test('keep their colours when nodes come and go', () => {
    const first = after(answer(node('a', { 1: 1 }), node('b', { 1: 2 })));
    expect(first.map(({ node, index }) => [node, index])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
    const [other, own] = merge(first, answer(node('b', { 2: 2 }), node('a', { 2: 1 })));
    expect([other!.index, own!.index]).toEqual([1, 0]);
    const third = merge(first, answer(node('a', { 2: 1 }), node('b', { 2: 2 }), node('c', { 2: 3 })));
    expect(third[2]).toMatchObject({ node: 'c', index: 2 });
  });

  test('go on with the node that comes where another has gone: mostly it was restarted', () => {
    const [lane, ...others] = after(answer(node('a', { 1: 10 })), answer(node('b', { 9: 20 })));
    expect(others).toEqual([]);
    expect(lane).toMatchObject({ node: 'b', index: 0, state: 'there' });
    expect(values(lane!, 9)).toEqual([10, 20]);
  });

  test('of a node that is gone stay as long as there is something to see, and count no more', () => {
    const gone = after(answer(node('a', { 1: 10 }), node('b', { 1: 5 })), answer(node('a', { 2: 10 })));
    expect(gone[1]).toMatchObject({ node: 'b', state: 'gone' });
    expect(total(gone, 'connections')).toBe(10);
    expect(merge(gone, answer(node('a', { 1000: 10 })))).toHaveLength(1);
  });

  test('of a node that does not answer the others say so', () => {
    const lanes = after(answer(node('a', { 1: 10 })), answer({ node: 'a', started_at: null, samples: null }));
    expect(lanes[0]).toMatchObject({ state: 'silent', startedAt: 1000 });
    expect(total(lanes, 'connections')).toBeUndefined();
  });

  test('add up, and for latencies the worst counts', () => {
    const lanes = after(answer(node('a', { 1: 10 }), node('b', { 1: 5 })));
    expect([total(lanes, 'connections'), worst(lanes, 'latency_p99_ms')]).toEqual([15, 10]);
  });

  test('know nothing of a figure that a node does not have', () => {
    const { samples, ...other } = node('a', { 1: 10 });
    const [lane] = after(answer({ ...other, samples: samples!.map((sample) => sample.slice(0, 2)) }));
    expect(total([lane!], 'connections')).toBe(10);
    expect(worst([lane!], 'latency_p99_ms')).toBeUndefined();
  });

  test('bridge a second or two that a busy server missed, and no more', () => {
    const [lane] = after(answer(node('a', { 1: 10, 4: 40, 9: 90 })));
    expect(column(lane!, 'connections', secondsUntil(9, 2)).slice(-9)).toEqual([
      10,
      40,
      40,
      40,
      null,
      null,
      null,
      null,
      90,
    ]);
  });

  test('begin where something is known, 15 minutes back at most', () => {
    expect(minutesKnown([])).toBe(2);
    expect(minutesKnown(after(answer(node('a', { 1: 1 }))))).toBe(2);
    expect(minutesKnown(after(answer(node('a', { 1: 1, 300: 1 }))))).toBe(5);
    expect(minutesKnown(after(answer(node('a', { 1: 1, 5000: 1 }))))).toBe(2);
    expect(minutesKnown(after(answer(node('a', { 4101: 1, 5000: 1 }))))).toBe(15);
  });
});
