import { useState } from 'preact/hooks';
import { cursorsOf, type Cursor } from './cursors.js';
import { DropButton } from './drop-button.js';
import { ago, bytes, count, plural, time } from './format.js';
import { PushForm } from './push-form.js';
import { href } from './route.js';
import { Timeline } from './timeline.js';
import { useUser, type Explanation, type Log } from './user-data.js';

const FORMS = {
  plain: 'WebSocket, plain',
  resumable: 'WebSocket, resumable',
  sse: 'server-sent events',
} as const;

/** One user: the log, the connections as marks on it, and what can be done by hand. */
export function User({ accessId }: { accessId: string }) {
  const { explanation, log, error, refresh, showOlder } = useUser(accessId);
  const [isPushing, setIsPushing] = useState(false);
  const cursors = explanation && log ? cursorsOf(explanation, log) : [];
  return (
    <div class="user">
      <p class="crumb">
        <a href={href({ view: 'who' })}>Who is connected</a>
      </p>
      <div class="heading">
        <h1 class="id">{accessId}</h1>
        <div class="actions">
          <button type="button" aria-expanded={isPushing} onClick={() => setIsPushing(!isPushing)}>
            Push an event
          </button>
          <DropButton accessId={accessId} connections={cursors.length} onDropped={refresh} />
        </div>
      </div>
      {isPushing && <PushForm accessId={accessId} onPushed={refresh} />}
      {error !== undefined && (
        <p class="notice notice-bad" role="alert">
          {error}
        </p>
      )}
      {explanation && log && (
        <>
          <Facts explanation={explanation} />
          <section class="panel" aria-labelledby="log-title">
            <h2 id="log-title">Log</h2>
            {log.newest === 0 ? (
              <p class="empty">Nothing was ever pushed to this user, as far as the server remembers.</p>
            ) : (
              <Timeline log={log} cursors={cursors} />
            )}
          </section>
          <Connections explanation={explanation} cursors={cursors} />
          <Events log={log} cursors={cursors} onOlder={showOlder} />
        </>
      )}
    </div>
  );
}

function Facts({ explanation: { log, drops, connections } }: { explanation: Explanation }) {
  const facts = [
    ['Events held', count(log.events)],
    ['Bytes', bytes(log.bytes)],
    ['Gone', count(log.trimmed)],
    ['Connections', count(connections.filter(({ form }) => form !== 'unknown').length)],
    ['Drops', count(drops)],
  ] as const;
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface EventsProps {
  readonly log: Log;
  readonly cursors: readonly Cursor[];
  readonly onOlder: () => void;
}

/** Newest first, with the cursors beside the event behind which they stand. */
function Events({ log, cursors, onOlder }: EventsProps) {
  const first = log.events[0];
  if (!first) return null;
  return (
    <section class="panel" aria-labelledby="events-title">
      <h2 id="events-title">
        Events <span class="muted">newest first</span>
      </h2>
      <ol class="events" reversed start={log.newest} aria-labelledby="events-title">
        {log.events.toReversed().map(({ id, number, created_at: createdAt, bytes: size, payload }) => (
          <li key={id}>
            <Marks cursors={cursors.filter(({ at }) => at === number)} />
            <span class="event-number" title={id}>
              {count(number)}
            </span>
            <span class="event-time">
              <span class="unseen">created_at </span>
              {createdAt}
            </span>
            <span class="event-bytes">{bytes(size)}</span>
            {payload !== undefined && <code class="event-payload">{payload}</code>}
          </li>
        ))}
      </ol>
      {!log.payloads && (
        <p class="muted footnote">
          What the events say is not shown: subscribers of this server prove who they are, and an API key does
          not.
        </p>
      )}
      {first.number > log.oldest && (
        <button type="button" class="older" onClick={onOlder}>
          Show older events ({count(first.number - log.oldest)} more)
        </button>
      )}
    </section>
  );
}

function Marks({ cursors }: { cursors: readonly Cursor[] }) {
  return (
    <span class="marks">
      {cursors.map(({ name, behind }) => (
        <span key={name} class={behind > 0 ? 'flag late' : 'flag'}>
          <span class="unseen">connection </span>#{name}
        </span>
      ))}
    </span>
  );
}

function Connections({ explanation, cursors }: { explanation: Explanation; cursors: readonly Cursor[] }) {
  const silent = explanation.connections.filter(({ form }) => form === 'unknown');
  return (
    <section class="panel" aria-labelledby="connections-title">
      <h2 id="connections-title">Connections</h2>
      {cursors.length === 0 && <p class="empty">Not connected. What is pushed now waits in the log.</p>}
      <ul class="connections">
        {cursors.map((cursor) => (
          <li key={cursor.name}>
            <span class={cursor.behind > 0 ? 'flag late' : 'flag'}>#{cursor.name}</span>
            <Connection cursor={cursor} />
          </li>
        ))}
      </ul>
      {silent.map(({ node }) => (
        <p key={node} class="muted">
          Node <span class="mono">{node}</span> does not answer: its connections are not here.
        </p>
      ))}
    </section>
  );
}

function Connection({ cursor }: { cursor: Cursor }) {
  const { form, address, node, since, at, behind, last_sign_of_life: lastSignOfLife } = cursor;
  const stands =
    at === undefined ? 'not begun' : at === 0 ? 'before the first event' : `after event ${count(at)}`;
  return (
    <dl>
      <div class="lead">
        <dt class="unseen">State</dt>
        <dd>
          {behind > 0 ? <strong class="late-text">{plural(behind, 'event')} behind</strong> : 'up to date'}
        </dd>
      </div>
      <div>
        <dt>Stands</dt>
        <dd>{stands}</dd>
      </div>
      <div>
        <dt>Form</dt>
        <dd>{FORMS[form]}</dd>
      </div>
      <div>
        <dt>Address</dt>
        <dd class="mono">{address}</dd>
      </div>
      <div>
        <dt>Node</dt>
        <dd class="mono">{node}</dd>
      </div>
      <div>
        <dt>Since</dt>
        <dd>{time(since)}</dd>
      </div>
      <div>
        <dt>Sign of life</dt>
        <dd>{ago(lastSignOfLife)} ago</dd>
      </div>
    </dl>
  );
}
