import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Provider } from '@nestjs/common';
import { Authenticator } from '../src/notifier/authenticator.js';
import { Gates, settle } from './support/gates.js';
import { drop, event, pushed } from './support/http.js';
import { Random } from './support/random.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';
import { WrappedLog } from './support/wrapped-log.js';

/** Of each store; 1,000 in all. */
const ROUNDS = 500;

/** Where a subscription can be held on its way, in order: after registering, around reading its start and the first page. */
const HOLDS = ['authenticate', 'view', 'viewed', 'read', 'wasRead'] as const;

const FORMS = ['plain', 'resumed', 'by timestamp', 'from now on'] as const;
type FormName = (typeof FORMS)[number];

type Actor = 'subscribe' | 'push' | 'drop';

/** Who takes the next step. Each of these sequences is one order in which the three can meet. */
function order(random: Random): Actor[] {
  const steps: Actor[] = [
    ...Array.from({ length: HOLDS.length + 1 }, () => 'subscribe' as const),
    ...Array.from({ length: 3 }, () => 'push' as const),
    ...Array.from({ length: 3 }, () => 'drop' as const),
  ];
  return random.shuffled(steps);
}

const hasThird = (client: SocketClient) => client.payloads().includes('third');

/** One push, one drop and one subscription of one user, which meet in a given order. */
class Meeting {
  client!: SocketClient;
  private isRegistered = false;
  private mustBeDropped = false;
  private steps = { push: 0, drop: 0 };
  private pushing: Promise<unknown> | undefined;
  private dropping: Promise<unknown> | undefined;

  constructor(
    private readonly url: string,
    private readonly gates: Gates,
    readonly user: string,
    private readonly form: FormName,
    private readonly firstId: string,
  ) {}

  async run(steps: readonly Actor[]): Promise<void> {
    this.client = await SocketClient.connect(this.url);
    this.gates.close(...HOLDS, 'append', 'appended', 'drop', 'dropped');
    for (const actor of steps) {
      if (actor === 'subscribe') await this.subscribe();
      else if (actor === 'push') await this.push();
      else await this.drop();
    }
    this.gates.open(...HOLDS);
    await Promise.all([this.pushing, this.dropping]);
  }

  private async subscribe(): Promise<void> {
    if (!this.isRegistered) {
      this.client.send(this.firstMessage());
      await this.gates.reached('authenticate');
      this.isRegistered = true;
      return;
    }
    const hold = HOLDS.find((name) => this.gates.isWaiting(name));
    if (hold) this.gates.release(hold);
    await settle();
  }

  private async push(): Promise<void> {
    const step = this.steps.push++;
    if (step === 0) {
      this.pushing = pushed(this.url, [event(this.user, 2, 'second')]);
      await this.gates.reached('append');
    } else if (step === 1) {
      this.gates.open('append');
      await this.gates.reached('appended');
      await settle();
    } else {
      this.gates.open('appended');
      await this.pushing;
    }
  }

  private async drop(): Promise<void> {
    const step = this.steps.drop++;
    if (step === 0) {
      this.dropping = drop(this.url, this.user);
      await this.gates.reached('drop');
      this.mustBeDropped = this.isRegistered;
    } else if (step === 1) {
      this.gates.open('drop');
      await this.gates.reached('dropped');
      await settle();
    } else {
      this.gates.open('dropped');
      await this.dropping;
    }
  }

  private firstMessage(): object {
    const resumable = { access_id: this.user, last_event_id: null };
    if (this.form === 'plain') return { access_id: this.user, timestamp: 1 };
    if (this.form === 'resumed') return { ...resumable, last_event_id: this.firstId };
    return this.form === 'by timestamp' ? { ...resumable, timestamp: 1 } : resumable;
  }

  /** What the client gets if nobody drops it: nothing between its start and `third` is lost. */
  private expected(): string[] {
    const fromFirst = ['first', 'second', 'third'];
    if (this.form === 'plain' || this.form === 'by timestamp') return fromFirst;
    const isPastSecond = this.client.subscribed()!.last_event_id !== this.firstId;
    return isPastSecond ? ['third'] : ['second', 'third'];
  }

  async check(): Promise<void> {
    await pushed(this.url, [event(this.user, 3, 'third')]);
    if (this.mustBeDropped) return this.checkDropped();
    await this.client.until((client) => hasThird(client) || client.closeCode !== undefined);
    expect(this.client.closeCode).toBeUndefined();
    expect(this.client.payloads()).toEqual(this.expected());
    await this.client.close();
  }

  private async checkDropped(): Promise<void> {
    expect(await this.client.closed()).toEqual({ code: 4503, reason: 'dropped' });
    const got = this.client.payloads();
    expect(got).not.toContain('third');
    if (got.length > 0) expect(got).toEqual(this.expected().slice(0, got.length));
    const again = await SocketClient.subscribe(this.url, {
      access_id: this.user,
      last_event_id: this.client.ids().at(-1) ?? this.client.subscribed()?.last_event_id ?? this.firstId,
    });
    await again.until(hasThird);
    expect(again.subscribed()!.recovered).toBe(true);
    await again.close();
  }
}

describe.each(STORES)('with the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;
  let gates: Gates;

  beforeEach(async () => {
    store = new TestStore(name);
    gates = new Gates();
    const log = new WrappedLog(store.open());
    log.at = (point) => gates.pass(point);
    const authenticator: Provider = {
      provide: Authenticator,
      useValue: { authenticate: () => gates.pass('authenticate') },
    };
    running = await startApp({}, [log.provider, authenticator]);
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  async function firstIdOf(user: string): Promise<string> {
    await pushed(running.url, [event(user, 1, 'first')]);
    const client = await SocketClient.subscribe(running.url, {
      access_id: user,
      timestamp: 1,
      last_event_id: null,
    });
    await client.untilEvents(1);
    await client.close();
    return client.ids()[0]!;
  }

  test(`in ${ROUNDS} orders, a drop ends what was registered before it and nothing later, and no event is lost`, async () => {
    const random = new Random(42);
    for (let round = 0; round < ROUNDS; round++) {
      const user = `user${round}`;
      const form = FORMS[round % FORMS.length]!;
      const meeting = new Meeting(running.url, gates, user, form, await firstIdOf(user));
      const steps = order(random);
      try {
        await meeting.run(steps);
        await meeting.check();
      } catch (cause) {
        throw new Error(`round ${round}, ${form}: ${steps.join(' ')}: ${String(cause)}`, { cause });
      }
    }
  }, 240_000);
});
