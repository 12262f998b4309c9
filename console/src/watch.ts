import { useEffect, useState } from 'preact/hooks';
import { lastSample, merge, type FiguresAnswer, type Lane } from './lanes.js';
import { apiKey, get, Refused } from './server.js';

const EVERY_MS = 1000;
/** How long the page says that the server has come back. */
const WELCOME_MS = 30_000;

/** What the page knows of the server. */
export interface Known {
  /** `locked`: it asks for an API key, or for another one. */
  readonly state: 'asking' | 'live' | 'lost' | 'locked';
  /** Why it is locked, in the server's words. */
  readonly refusal?: Refused;
  /** When the last answer came, Unix milliseconds. */
  readonly answeredAt?: number;
  /** After an absence: how long the server was gone, and whether it was started anew. */
  readonly comeback?: { readonly at: number; readonly since: number; readonly restarted: boolean };
  readonly answer?: FiguresAnswer;
  readonly lanes: readonly Lane[];
}

/**
 * Watches the server: one small question a second while somebody looks, none while the page is hidden. What it knew last stays known
 * while the server is gone.
 */
export class Watch {
  known: Known = { state: 'asking', lanes: [] };
  private readonly listeners = new Set<() => void>();
  private timer: number | undefined;
  private isAsking = false;

  start(): void {
    document.addEventListener('visibilitychange', () => this.askNow());
    window.addEventListener('online', () => this.askNow());
    this.askNow();
  }

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  unlock(key: string): Promise<void> {
    apiKey.set(key);
    return this.ask();
  }

  lock(): void {
    apiKey.forget();
    this.learn({ state: 'asking', lanes: [] });
    this.askNow();
  }

  private askNow(): void {
    clearTimeout(this.timer);
    if (document.visibilityState === 'visible' && !this.isAsking) void this.ask();
  }

  private async ask(): Promise<void> {
    clearTimeout(this.timer);
    this.isAsking = true;
    try {
      this.hear(await get<FiguresAnswer>('console/figures', { since: String(this.since()) }));
    } catch (error) {
      if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
        this.learn({ ...this.known, state: 'locked', refusal: error });
      } else if (this.known.state !== 'locked') this.learn({ ...this.known, state: 'lost' });
    }
    this.isAsking = false;
    if (this.known.state !== 'locked') this.timer = window.setTimeout(() => this.askNow(), EVERY_MS);
  }

  /** Up to where every node's samples are here; 0 where a node is here that was not before. */
  private since(): number {
    const there = this.known.lanes.filter(({ state }) => state === 'there');
    const newest = there.map((lane) => lastSample(lane)?.second ?? 0);
    return newest.length === 0 ? 0 : Math.min(...newest) * 1000;
  }

  private hear(answer: FiguresAnswer): void {
    const now = Date.now();
    const { state, answeredAt, lanes: before, comeback } = this.known;
    const lanes = merge(before, answer);
    const restarted = before.some(({ node }) => !answer.nodes.some((other) => other.node === node));
    const welcome =
      state === 'lost' && answeredAt !== undefined
        ? { at: now, since: answeredAt, restarted }
        : comeback && now - comeback.at < WELCOME_MS
          ? comeback
          : undefined;
    this.learn({ state: 'live', answeredAt: now, answer, lanes, ...(welcome && { comeback: welcome }) });
  }

  private learn(known: Known): void {
    this.known = known;
    for (const listener of this.listeners) listener();
  }
}

export const watch = new Watch();

export function useKnown(): Known {
  const [known, setKnown] = useState(watch.known);
  useEffect(() => watch.listen(() => setKnown(watch.known)), []);
  return known;
}
