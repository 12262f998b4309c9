import { useEffect, useRef, useState } from 'preact/hooks';
import { get, inWords, Refused } from './server.js';

const EVERY_MS = 2000;

/** What `GET /clients?access_id=` answers. */
export interface Explanation {
  readonly log: {
    readonly events: number;
    readonly bytes: number;
    readonly oldest: string | null;
    readonly newest: string | null;
    readonly trimmed: number;
  };
  readonly connections: readonly (Connection | { readonly node: string; readonly form: 'unknown' })[];
  readonly drops: number;
}

export interface Connection {
  readonly node: string;
  readonly since: number;
  readonly address: string;
  readonly form: 'plain' | 'resumable' | 'sse';
  readonly position: string | null;
  readonly behind: number;
  readonly last_sign_of_life: number;
}

export interface LoggedEvent {
  readonly id: string;
  /** Its number in the log. */
  readonly number: number;
  readonly created_at: number;
  readonly bytes: number;
  readonly payload?: string;
}

/** What `GET /console/log` answers. */
export interface Log {
  /** Numbers; oldest is above newest where the log holds nothing. */
  readonly oldest: number;
  readonly newest: number;
  readonly payloads: boolean;
  readonly events: readonly LoggedEvent[];
}

export interface UserData {
  readonly explanation?: Explanation;
  readonly log?: Log;
  readonly error?: string;
  /** Asks now, and not only when its time has come. */
  readonly refresh: () => void;
  /** The events before the oldest one that is here. */
  readonly showOlder: () => void;
}

/** One user's connections, asked for while somebody looks, and the user's log, asked for when it has changed. */
export function useUser(accessId: string): UserData {
  const [explanation, setExplanation] = useState<Explanation>();
  const [log, setLog] = useState<Log>();
  const [error, setError] = useState<string>();
  const [round, setRound] = useState(0);
  const seen = useRef('');

  useEffect(() => {
    let isCurrent = true;
    const look = async () => {
      if (document.visibilityState !== 'visible') return;
      try {
        const next = await get<Explanation>('clients', { access_id: accessId });
        const state = `${next.log.newest} ${next.log.trimmed} ${next.log.events}`;
        const changed =
          state === seen.current ? undefined : await get<Log>('console/log', { access_id: accessId });
        if (!isCurrent) return;
        seen.current = state;
        setExplanation(next);
        if (changed) setLog((before) => joined(before, changed));
        setError(undefined);
      } catch (reason) {
        // That nobody answers stands above every page.
        if (isCurrent) setError(reason instanceof Refused ? inWords(reason) : undefined);
      }
    };
    void look();
    const timer = setInterval(() => void look(), EVERY_MS);
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [accessId, round]);

  const showOlder = () => {
    const before = String(log?.events[0]?.number);
    get<Log>('console/log', { access_id: accessId, before }).then(
      (older) => setLog((now) => now && joined(older, now)),
      (reason: unknown) => setError(inWords(reason)),
    );
  };
  const refresh = () => setRound((before) => before + 1);
  return {
    ...(explanation && { explanation }),
    ...(log && { log }),
    ...(error !== undefined && { error }),
    refresh,
    showOlder,
  };
}

/** The events of both where the newer ones go on where the older ones end, or before; else the newer ones alone. */
function joined(older: Log | undefined, newer: Log): Log {
  const first = newer.events[0];
  const last = older?.events.at(-1);
  if (!older || !first || !last || last.number < first.number - 1) return newer;
  // A log that began anew numbers from 1 again, under other ids.
  const [epoch, other] = [first.id.split('.')[0], last.id.split('.')[0]];
  if (epoch !== other) return newer;
  const kept = older.events.filter(({ number }) => number < first.number && number >= newer.oldest);
  return { ...newer, events: [...kept, ...newer.events] };
}
