import { useState } from 'preact/hooks';
import { Field } from './field.js';
import { Said, type Saying } from './said.js';
import { inWords, post } from './server.js';

interface PushFormProps {
  readonly accessId: string;
  readonly onPushed: () => void;
}

const EXAMPLE = '{"text":"hello"}';

/** Pushes one event by hand, its payload as it is typed. */
export function PushForm({ accessId, onPushed }: PushFormProps) {
  const [payload, setPayload] = useState(EXAMPLE);
  const [createdAt, setCreatedAt] = useState('');
  const [said, setSaid] = useState<Saying>();
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      JSON.parse(payload);
    } catch {
      return setSaid({ text: 'The payload must be JSON: a text stands in quotes.', isError: true });
    }
    try {
      await pushEvent(accessId, createdAt.trim() === '' ? String(Date.now()) : createdAt, payload);
      setSaid({ text: 'Stored.', isError: false });
      onPushed();
    } catch (error) {
      setSaid({ text: inWords(error), isError: true });
    }
  };
  return (
    <form class="panel push" aria-label="Push an event" onSubmit={(event) => void submit(event)}>
      <div class="field grows">
        <label for="payload">Payload, JSON</label>
        <textarea
          id="payload"
          rows={3}
          spellcheck={false}
          value={payload}
          onInput={({ currentTarget }) => setPayload(currentTarget.value)}
        />
      </div>
      <Field
        id="created-at"
        label="created_at"
        inputMode="numeric"
        pattern="-?[0-9]{1,16}"
        title="A whole number, such as 1767225600000"
        placeholder="now, in ms"
        value={createdAt}
        onValue={setCreatedAt}
      />
      <button type="submit" class="primary">
        Push
      </button>
      <Said saying={said} />
    </form>
  );
}

/** @param payload its JSON text, which is delivered as it stands */
export function pushEvent(accessId: string, createdAt: string, payload: string): Promise<true> {
  return post<true>(
    'push_events',
    `[{"accessid":${JSON.stringify(accessId)},"created_at":${createdAt},"payload":${payload}}]`,
  );
}
