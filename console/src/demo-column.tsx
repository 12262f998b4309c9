import { useEffect, useRef, useState } from 'preact/hooks';
import type { DemoClient, DemoState, WireLine } from './demo-client.js';
import { Field } from './field.js';
import { plural, time } from './format.js';

interface DemoColumnProps {
  readonly name: number;
  readonly client: DemoClient;
  readonly firstId: string;
  readonly needsToken: boolean;
  readonly onRemove: () => void;
}

const STATUSES: Readonly<Record<DemoState['status'], string>> = {
  new: 'not connected',
  connecting: 'connecting',
  open: 'connected',
  waiting: 'waiting to reconnect',
  closed: 'disconnected',
};

/** One demo client: who it is, what it can do, and what goes over its wire. */
export function DemoColumn({ name, client, firstId, needsToken, onRemove }: DemoColumnProps) {
  const [accessId, setAccessId] = useState(firstId);
  const [token, setToken] = useState('');
  const { status, position, lines, isRefused } = client.state;
  const isOn = status === 'connecting' || status === 'open' || status === 'waiting';
  const submit = (event: Event) => {
    event.preventDefault();
    if (isOn) client.disconnect();
    else client.connect(accessId, token);
  };
  return (
    <section class="demo panel" aria-label={`Demo client ${name}`}>
      <form onSubmit={submit}>
        <Field
          id={`id-${name}`}
          label="access_id"
          class="grows"
          required
          disabled={isOn}
          value={accessId}
          onValue={setAccessId}
        />
        {(needsToken || isRefused) && (
          <Field
            id={`token-${name}`}
            label="Token of this user"
            class="grows whole"
            type="password"
            disabled={isOn}
            value={token}
            onValue={setToken}
          />
        )}
        <button type="submit" class={isOn ? '' : 'primary'}>
          {isOn ? 'Disconnect' : position === undefined ? 'Connect' : 'Resume'}
        </button>
      </form>
      <State state={client.state} />
      <Wire lines={lines} name={name} />
      <div class="actions">
        <button type="button" class="quiet" onClick={() => client.forget()}>
          Start afresh
        </button>
        <button type="button" class="quiet" onClick={onRemove}>
          Remove
        </button>
      </div>
    </section>
  );
}

function State({ state: { status, isRefused, events } }: { state: DemoState }) {
  const pulse = status === 'open' ? 'live' : isRefused ? 'lost' : 'asking';
  return (
    <p class="demo-state">
      <span class={`pulse pulse-${pulse}`}>
        <span class="dot" aria-hidden="true" />
        <span role="status">{STATUSES[status]}</span>
      </span>
      <span class="muted">{plural(events, 'event')}</span>
    </p>
  );
}

/** What was sent and received, newest last and in view. */
function Wire({ lines, name }: { lines: readonly WireLine[]; name: number }) {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current } = end;
    if (current) current.scrollTop = current.scrollHeight;
  }, [lines.length, lines.at(-1)?.key]);
  return (
    <div class="wire" ref={end} tabIndex={0} role="log" aria-label={`The wire of demo client ${name}`}>
      {lines.length === 0 && <p class="empty">Connect, and see what is said.</p>}
      {lines.map(({ key, kind, at, text }) => (
        <p key={key} class={kind} title={time(at)}>
          <span class="direction">{kind === 'sent' ? '→' : kind === 'received' ? '←' : '·'}</span>
          <span class="unseen">{kind === 'note' ? '' : kind} </span>
          {text}
        </p>
      ))}
    </div>
  );
}
