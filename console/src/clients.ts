import { useEffect, useState } from 'preact/hooks';
import { get, inWords } from './server.js';

/** Users on a page: one is a glance, and 100,000 are 500 of them. */
export const PAGE = 200;
/** A search waits until nobody has typed for so long: each one looks at every connected user. */
const PAUSE_MS = 250;

/** What `GET /clients` answers. */
interface Clients {
  readonly clients: readonly { readonly access_id: string; readonly connections: number }[];
  readonly next: string | null;
}

interface Asked {
  readonly text: string;
  /** The `after` of each page up to the one that is shown; the first page has none. */
  readonly pages: readonly string[];
}

export interface Shown extends Asked {
  readonly clients: Clients;
  readonly at: number;
}

export interface ClientsPage {
  readonly shown: Shown | undefined;
  readonly error: string | undefined;
  readonly turnTo: (pages: readonly string[]) => void;
  readonly refresh: () => void;
}

/**
 * One page of the connected users whose id contains `typed`.
 *
 * @param comebackAt asks again when it changes: the server was gone
 */
export function useClients(typed: string, comebackAt: number | undefined): ClientsPage {
  const [asked, setAsked] = useState<Asked>({ text: '', pages: [] });
  const [shown, setShown] = useState<Shown>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    const text = typed.trim();
    const search = () => setAsked((before) => (before.text === text ? before : { text, pages: [] }));
    const timer = setTimeout(search, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => {
    let isCurrent = true;
    const query = { limit: String(PAGE), after: asked.pages.at(-1), containing: asked.text || undefined };
    get<Clients>('clients', query).then(
      (clients) => {
        if (!isCurrent) return;
        setShown({ ...asked, clients, at: Date.now() });
        setError(undefined);
      },
      (reason: unknown) => isCurrent && setError(inWords(reason)),
    );
    return () => {
      isCurrent = false;
    };
  }, [asked, comebackAt]);
  const turnTo = (pages: readonly string[]) => setAsked((before) => ({ ...before, pages }));
  const refresh = () => setAsked((before) => ({ ...before }));
  return { shown, error, turnTo, refresh };
}
