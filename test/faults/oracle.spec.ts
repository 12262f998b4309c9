import { describe, expect, it } from '@jest/globals';
import { violations } from './oracle.js';
import type { ConnectionRecord, Cost, FaultRecord, PushedRecord, Recording } from './recording.js';

const A = 'http://a';
const B = 'http://b';
const C = 'http://c';

const id = (seq: number, tag = 'a') => `epochEPO.${seq}.${tag}`;

const received = (n: number, eventId = id(n)) => ({
  id: eventId,
  name: `e${n}`,
  accessId: 'alice',
  at: n * 100 + 5,
});

function pushed(n: number, user = 'alice'): PushedRecord {
  const began = n * 100;
  return {
    name: `e${n}`,
    user,
    push: n,
    began,
    acknowledged: began + 5,
    settled: began + 5,
    isRefused: false,
  };
}

/** A connection that begins after event `after` and got the events of `numbers`. */
function connection(
  subscribed: number,
  after: number,
  numbers: readonly number[],
  differing: Partial<ConnectionRecord> = {},
): ConnectionRecord {
  const at = after === 0 ? 'storeEPO.17.0' : id(after);
  return {
    user: 'alice',
    node: A,
    asked: after === 0 ? null : at,
    from: at,
    subscribed,
    recovered: true,
    received: numbers.map((n) => received(n)),
    ended: undefined,
    closeCode: undefined,
    ...differing,
  };
}

function fault(costs: Cost, began: number, ended: number, hindered: readonly string[] = []): FaultRecord {
  return { name: 'a fault', costs, hindered, began, ended };
}

interface Soundness extends Recording {
  /** Two connections with a resume between them. */
  readonly resuming: ConnectionRecord[];
  /** One connection of another client. */
  readonly staying: ConnectionRecord[];
}

/** A recording without fault. */
function sound(): Soundness {
  const resuming = [connection(50, 0, [1, 2], { ended: 240 }), connection(250, 2, [3, 4])];
  const staying = [connection(50, 0, [1, 2, 3, 4], { node: B })];
  return {
    pushes: [1, 2, 3, 4].map((n) => pushed(n)),
    clients: [
      { user: 'alice', caughtUp: true, connections: resuming },
      { user: 'alice', caughtUp: true, connections: staying },
    ],
    drops: [],
    faults: [],
    logs: [{ user: 'alice', received: [1, 2, 3, 4].map((n) => received(n)) }],
    answers: {},
    isAtomic: true,
    noticeMs: 1000,
    resuming,
    staying,
  };
}

function found(plant: (recording: Soundness) => unknown): string[] {
  const recording = sound();
  plant(recording);
  return violations(recording);
}

/** Another event beside those that are there, in nobody's hands yet. */
function another({ pushes }: Recording, differing: Partial<PushedRecord> = {}): void {
  pushes.push({ ...pushed(5), acknowledged: undefined, ...differing });
}

describe('the oracle finds nothing', () => {
  it('where nothing is wrong', () => {
    expect(violations(sound())).toEqual([]);
  });

  it('in a loss that was declared where a fault may have caused it', () => {
    const lines = found(({ resuming, faults, logs }) => {
      faults.push(fault('events', 310, 320));
      resuming[1] = connection(350, 3, [4], { asked: id(2), recovered: false });
      logs[0] = { user: 'alice', received: [received(4)] };
    });
    expect(lines).toEqual([]);
  });

  it('in a gap that is declared again to who names the same position again', () => {
    const lines = found(({ resuming, faults }) => {
      faults.push(fault('positions', 310, 320));
      resuming.splice(
        0,
        2,
        connection(50, 0, [1, 2, 3], { ended: 315 }),
        connection(330, 3, [], { recovered: false, ended: 350 }),
        connection(20_001, 3, [4], { recovered: false }),
      );
    });
    expect(lines).toEqual([]);
  });

  it('in an event that is stored twice because its key was lost while it was repeated', () => {
    const again = (numbers: readonly number[]) => [
      ...numbers.map((n) => received(n)),
      received(4, id(5, 'b')),
    ];
    const lines = found(({ pushes, resuming, staying, faults, logs }) => {
      pushes[3]!.settled = 420;
      faults.push(fault('events', 410, 412));
      resuming[1]!.received.push(received(4, id(5, 'b')));
      staying[0]!.received.push(received(4, id(5, 'b')));
      logs[0] = { user: 'alice', received: again([1, 2, 3, 4]) };
    });
    expect(lines).toEqual([]);
  });

  it('in an event that comes late to a node that could not know of it', () => {
    const lines = found(({ staying, faults }) => {
      faults.push(fault('nothing', 390, 3000, [B]));
      staying[0]!.received[3] = { ...received(4), at: 3500 };
    });
    expect(lines).toEqual([]);
  });

  it('in a connection that outlives a drop of which its node could not hear', () => {
    const lines = found(({ drops, faults, resuming, staying }) => {
      drops.push({ user: 'alice', node: C, began: 60, acknowledged: 70 });
      faults.push(fault('nothing', 65, 3000, [B]));
      resuming[0]!.ended = 71;
      staying[0]!.ended = 5000;
    });
    expect(lines).toEqual([]);
  });
});

describe('the oracle finds', () => {
  it('an acknowledged event that never came', () => {
    expect(found(({ resuming }) => resuming[1]!.received.pop())).toEqual([
      expect.stringMatching(/^lost: alice never got e4/),
    ]);
  });

  it('a client that never comes back', () => {
    const lines = found(({ clients }) => (clients[0]!.caughtUp = false));
    expect(lines).toEqual([expect.stringMatching(/^lost: a client of alice never reached/)]);
  });

  it('a client that never got anywhere', () => {
    const lines = found(({ clients }) => (clients[0]!.connections = []));
    expect(lines).toEqual([expect.stringMatching(/^lost: a client of alice never got anywhere/)]);
  });

  it('a hole, even where a gap is declared later', () => {
    const lines = found(({ clients, faults }) => {
      faults.push(fault('positions', 310, 320));
      clients[1]!.connections = [
        connection(50, 0, [1, 3], { ended: 340 }),
        connection(350, 3, [4], { recovered: false, asked: id(3) }),
      ];
    });
    expect(lines).toContainEqual(expect.stringMatching(/^hole: alice got e3/));
  });

  it('an acknowledged event that is passed over where numbers are given again', () => {
    const lines = found(({ clients, faults }) => {
      faults.push(fault('events', 310, 320));
      const [first, third] = [received(1), received(3, id(2, 'b'))];
      clients[1]!.connections = [
        connection(50, 0, [], { ended: 340, received: [first, third] }),
        connection(350, 3, [4], { recovered: false, asked: id(2, 'b') }),
      ];
    });
    expect(lines).toContainEqual(expect.stringMatching(/^passed over: alice got what came after e2/));
  });

  it('a hole at the beginning of a connection', () => {
    const lines = found(({ resuming }) => resuming[1]!.received.shift());
    expect(lines).toContainEqual(expect.stringMatching(/^hole: alice got e4/));
  });

  it('a log that begins anew under a connection, in silence', () => {
    const lines = found(({ staying }) => (staying[0]!.received[3] = received(4, 'otherEPO.1.z')));
    expect(lines).toContainEqual(expect.stringMatching(/^hole: alice got e4 \(otherEPO\.1\.z\)/));
  });

  it('a connection that resumes elsewhere than it asked', () => {
    const lines = found(({ resuming }) => (resuming[1]!.from = id(3)));
    expect(lines).toContainEqual(expect.stringMatching(/^hole: alice resumed at/));
  });

  it('a gap that is declared without need', () => {
    const lines = found(({ resuming }) => (resuming[1]!.recovered = false));
    expect(lines).toEqual([expect.stringMatching(/^needless: alice was told of a gap/)]);
  });

  it('an event delivered twice to a connection', () => {
    const lines = found(({ staying }) => staying[0]!.received.push(received(4)));
    expect(lines).toContainEqual(expect.stringMatching(/^doubled: alice got e4 twice/));
  });

  it('an event delivered again to a connection that resumes', () => {
    const lines = found(({ resuming }) => {
      resuming[1] = connection(250, 1, [2, 3, 4]);
    });
    expect(lines).toContainEqual(expect.stringMatching(/^doubled: alice got e2 twice/));
  });

  it('a push that was stored twice', () => {
    const lines = found(({ resuming, staying, logs }) => {
      for (const list of [resuming[1]!.received, staying[0]!.received, logs[0]!.received as object[]])
        list.push(received(2, id(5)));
    });
    expect(lines).toContainEqual(expect.stringMatching(/^doubled: the log of alice holds e2 twice/));
  });

  it('two orders for one user', () => {
    const lines = found(({ clients }) => (clients[1]!.connections = [connection(50, 0, [4, 3, 2, 1])]));
    expect(lines).toContainEqual(expect.stringMatching(/^disorder: /));
  });

  it('somebody else’s event', () => {
    const lines = found(({ pushes }) => (pushes[0] = pushed(1, 'bob')));
    expect(lines).toContainEqual(expect.stringMatching(/^foreign: alice got e1 of bob/));
  });

  it('an event under somebody else’s name', () => {
    const lines = found(({ staying }) => (staying[0]!.received[0] = { ...received(1), accessId: 'bob' }));
    expect(lines).toEqual([expect.stringMatching(/^foreign: alice got e1 of alice as bob/)]);
  });

  it('a phantom: an event that nobody pushed', () => {
    expect(found(({ pushes }) => pushes.shift())).toContainEqual(
      expect.stringMatching(/^phantom: alice got e1, which nobody pushed/),
    );
  });

  it('a phantom: an event that was refused', () => {
    const lines = found(({ pushes }) => (pushes[0]!.isRefused = true));
    expect(lines).toContainEqual(expect.stringMatching(/^phantom: alice got e1, which was refused/));
  });

  it('an id for two events', () => {
    const lines = found((recording) => {
      another(recording);
      recording.staying[0]!.received[1] = received(5, id(2));
    });
    expect(lines).toContainEqual(expect.stringMatching(/^ambiguous: epochEPO\.2\.a of alice names/));
  });

  it('a push of which a user got only a part', () => {
    const lines = found((recording) => {
      another(recording, { push: 2, began: 200 });
    });
    expect(lines).toContainEqual(expect.stringMatching(/^torn: alice got e3 after e2, and not e5/));
  });

  it('a push that was never acknowledged, and of which one user got something and another nothing', () => {
    const lines = found((recording) => {
      recording.pushes[3]!.acknowledged = undefined;
      another(recording, { user: 'bob', push: 4, began: 400 });
      const connections = [connection(50, 0, [], { user: 'bob' })];
      recording.clients.push({ user: 'bob', caughtUp: true, connections });
    });
    expect(lines).toEqual([expect.stringMatching(/^torn: bob never got e5/)]);
  });

  it('an acknowledged event that the log does not have in the end', () => {
    const lines = found(
      ({ logs }) => (logs[0] = { user: 'alice', received: [1, 2, 3].map((n) => received(n)) }),
    );
    expect(lines).toEqual([expect.stringMatching(/^missing: e4 of alice was acknowledged/)]);
  });

  it('a loss that was declared, where none may be', () => {
    const lines = found(({ resuming, faults, logs }) => {
      faults.push(fault('positions', 310, 320));
      resuming[1] = connection(350, 3, [4], { asked: id(2), recovered: false });
      logs[0] = { user: 'alice', received: [received(4)] };
    });
    expect(lines).toContainEqual(expect.stringMatching(/^missing: e3 of alice was acknowledged/));
  });

  it('a log that nobody can read', () => {
    const lines = found(({ logs }) => (logs[0] = { user: 'alice', received: undefined }));
    expect(lines).toEqual([expect.stringMatching(/^missing: nobody can read the log of alice/)]);
  });

  it('an event that comes too late to a connection that is there', () => {
    const lines = found(({ staying }) => {
      staying[0]!.received[3] = { ...received(4), at: 1500 };
    });
    expect(lines).toEqual([expect.stringMatching(/^late: e4 did not reach a connection of alice/)]);
  });

  it('an event after a drop, on the node that answered', () => {
    const lines = found(({ drops, resuming, staying }) => {
      drops.push({ user: 'alice', node: B, began: 150, acknowledged: 160 });
      resuming[0]!.ended = 240;
      staying[0]!.ended = 450;
    });
    expect(lines).toEqual([
      expect.stringMatching(/^drop: a connection of alice that was dropped still got e2/),
    ]);
  });

  it('a connection that outlives a drop by another node', () => {
    const lines = found(({ drops, resuming, staying }) => {
      drops.push({ user: 'alice', node: C, began: 60, acknowledged: 70 });
      resuming[0]!.ended = 71;
      staying[0]!.ended = 5000;
    });
    expect(lines).toEqual([expect.stringMatching(/^drop: a connection of alice outlived/)]);
  });
});
