import { describe, expect, it } from '@jest/globals';
import { violations } from './oracle.js';
import type { ConnectionRecord, Recording } from './recording.js';

const id = (seq: number, tag = 'a') => `epochEPO.${seq}.${tag}`;

/** A recording without fault: two connections of one client, with a resume between them, and another client. */
function sound(): Recording {
  const pushes = [1, 2, 3, 4].map((n) => ({
    name: `e${n}`,
    user: 'alice',
    began: n * 100,
    acknowledged: n * 100 + 5,
  }));
  return {
    pushes,
    clients: [
      { user: 'alice', caughtUp: true, connections: [connection(50, [1, 2]), connection(250, [3, 4])] },
      { user: 'alice', caughtUp: true, connections: [connection(50, [1, 2, 3, 4])] },
    ],
    drops: [],
    dropGraceMs: 1000,
    mayRepeat: false,
  };
}

function connection(subscribed: number, numbers: readonly number[]): ConnectionRecord {
  const received = numbers.map((n) => ({ id: id(n), name: `e${n}`, accessId: 'alice' }));
  return { user: 'alice', subscribed, recovered: true, received, ended: undefined, closeCode: undefined };
}

function found(plant: (recording: Recording) => void): string[] {
  const recording = sound();
  plant(recording);
  return violations(recording);
}

describe('the oracle', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(violations(sound())).toEqual([]);
  });

  it('accepts a loss that was declared', () => {
    const lines = found(({ clients }) => {
      clients[0]!.connections[1] = { ...connection(350, [4]), recovered: false };
    });
    expect(lines).toEqual([]);
  });

  it('finds an acknowledged event that never came', () => {
    expect(found(({ clients }) => clients[0]!.connections[1]!.received.pop())).toEqual([
      expect.stringMatching(/^lost: alice never got e4/),
    ]);
  });

  it('finds a hole, even where a gap is declared later', () => {
    const lines = found(({ clients }) => {
      clients[1]!.connections = [connection(50, [1, 3]), { ...connection(350, [4]), recovered: false }];
    });
    expect(lines).toEqual([expect.stringMatching(/^hole: alice got e3/)]);
  });

  it('finds an event delivered twice to a connection', () => {
    const lines = found(({ clients }) =>
      clients[1]!.connections[0]!.received.push(connection(0, [4]).received[0]!),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^doubled: alice got e4/));
  });

  it('finds two orders', () => {
    const lines = found(({ clients }) => (clients[1]!.connections = [connection(50, [4, 3, 2, 1])]));
    expect(lines).toContainEqual(expect.stringMatching(/^disorder: /));
  });

  it('finds somebody else’s event', () => {
    const lines = found(({ pushes }) => (pushes[0] = { ...pushes[0]!, user: 'bob' }));
    expect(lines).toContainEqual(expect.stringMatching(/^foreign: alice got e1 of bob/));
  });

  it('finds an event that nobody pushed', () => {
    expect(found(({ pushes }) => pushes.shift())).toContainEqual(
      expect.stringMatching(/^phantom: alice got e1/),
    );
  });

  it('finds an id that names two events', () => {
    const lines = found(({ clients, pushes }) => {
      pushes.push({ name: 'e5', user: 'alice', began: 0, acknowledged: undefined });
      clients[1]!.connections[0]!.received[1] = { id: id(2), name: 'e5', accessId: 'alice' };
    });
    expect(lines).toContainEqual(expect.stringMatching(/^ambiguous: /));
  });

  it('finds a connection that outlives a drop', () => {
    const lines = found(({ drops, clients }) => {
      drops.push({ user: 'alice', began: 60, acknowledged: 70 });
      for (const client of clients) for (const one of client.connections) one.ended = 500;
      clients[1]!.connections[0]!.ended = 1500;
    });
    expect(lines).toEqual([expect.stringMatching(/^drop: a connection of alice outlived/)]);
  });

  it('finds a client that never comes back', () => {
    const lines = found(({ clients }) => (clients[0]!.caughtUp = false));
    expect(lines).toEqual([expect.stringMatching(/^lost: a client of alice never reached/)]);
  });
});
