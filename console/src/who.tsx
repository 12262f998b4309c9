import { useState } from 'preact/hooks';
import { PAGE, useClients, type ClientsPage, type Shown } from './clients.js';
import { count, plural, time } from './format.js';
import { href } from './route.js';

interface WhoProps {
  readonly users: number | undefined;
  /** When the server came back after an absence, Unix milliseconds. */
  readonly comebackAt: number | undefined;
}

/** Who is connected, in pages: never more than one of them is asked for. */
export function Who({ users, comebackAt }: WhoProps) {
  const [typed, setTyped] = useState('');
  const { shown, error, turnTo, refresh } = useClients(typed, comebackAt);
  return (
    <div class="who">
      <div class="heading">
        <h1>Who is connected</h1>
        <p class="muted">{users === undefined ? '' : plural(users, 'user')}</p>
      </div>
      <form class="search" role="search" onSubmit={(event) => event.preventDefault()}>
        <label for="search" class="unseen">
          Find users whose id contains
        </label>
        <input
          id="search"
          type="search"
          placeholder="Find users whose id contains…"
          autocomplete="off"
          spellcheck={false}
          maxLength={256}
          value={typed}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        />
        <button type="button" onClick={refresh}>
          Refresh
        </button>
      </form>
      {error !== undefined && (
        <p class="notice notice-bad" role="alert">
          {error}
        </p>
      )}
      {shown && <Results shown={shown} />}
      {shown && <Pager shown={shown} turnTo={turnTo} />}
    </div>
  );
}

function Results({ shown: { clients, text, pages } }: { shown: Shown }) {
  if (clients.clients.length > 0) {
    return (
      <ul class="users" aria-label="Connected users">
        {clients.clients.map(({ access_id: accessId, connections }) => (
          <li key={accessId}>
            <a href={href({ view: 'user', accessId })}>
              <span class="id">{accessId}</span>
              {connections > 1 && (
                <span class="badge">
                  {count(connections)}
                  <span class="unseen"> connections</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    );
  }
  if (text === '') {
    return (
      <div class="panel empty">
        <p>{pages.length > 0 ? 'Nobody is left on this page.' : 'Nobody is connected.'}</p>
        <p class="muted">
          <a href={href({ view: 'try' })}>Connect a demo client</a>, or point an app at{' '}
          <code>/subscribe_to_events</code>.
        </p>
      </div>
    );
  }
  return (
    <div class="panel empty">
      <p>Nobody who is connected has “{text}” in their id.</p>
      <p class="muted">
        Somebody who is away still has a log:{' '}
        <a href={href({ view: 'user', accessId: text })}>look at the one of “{text}”</a>.
      </p>
    </div>
  );
}

function Pager({ shown, turnTo }: { shown: Shown; turnTo: ClientsPage['turnTo'] }) {
  const { clients, pages, at } = shown;
  const first = pages.length * PAGE + 1;
  const last = first + clients.clients.length - 1;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={pages.length === 0} onClick={() => turnTo(pages.slice(0, -1))}>
        Previous
      </button>
      <button
        type="button"
        disabled={clients.next === null}
        onClick={() => turnTo([...pages, clients.next!])}
      >
        Next
      </button>
      <p class="muted" role="status">
        {last >= first ? `${count(first)}–${count(last)}, ` : ''}as of {time(at)}
      </p>
    </nav>
  );
}
