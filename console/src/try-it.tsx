import { useEffect, useRef, useState } from 'preact/hooks';
import { DemoClient } from './demo-client.js';
import { DemoColumn } from './demo-column.js';
import { Field } from './field.js';
import { pushEvent } from './push-form.js';
import { Said, type Saying } from './said.js';
import { inWords } from './server.js';

/** Columns, from the left, and whom each is first. */
interface Column {
  readonly key: number;
  readonly client: DemoClient;
  readonly accessId: string;
}

const MAX_COLUMNS = 8;

/** Clients of this page's own, with all that goes over their wires. */
export function TryIt({ needsToken }: { needsToken: boolean }) {
  const [, redraw] = useState(0);
  const lastKey = useRef(0);
  const make = (accessId: string): Column => {
    const client = new DemoClient(() => redraw((before) => before + 1));
    return { key: ++lastKey.current, client, accessId };
  };
  const [columns, setColumns] = useState<readonly Column[]>(() => [make('client1'), make('client2')]);
  const all = useRef(columns);
  all.current = columns;
  useEffect(() => () => all.current.forEach(({ client }) => client.disconnect()), []);

  const remove = (column: Column) => {
    column.client.disconnect();
    setColumns(columns.filter((other) => other !== column));
  };
  return (
    <div class="try">
      <div class="heading">
        <h1>Try it</h1>
        <p class="muted">Real clients in this page, and every message between them and the server.</p>
      </div>
      <QuickPush />
      <div class="columns">
        {columns.map((column) => (
          <DemoColumn
            key={column.key}
            name={column.key}
            client={column.client}
            firstId={column.accessId}
            needsToken={needsToken}
            onRemove={() => remove(column)}
          />
        ))}
        {columns.length < MAX_COLUMNS && (
          <button
            type="button"
            class="add"
            onClick={() => setColumns([...columns, make(`client${columns.length + 1}`)])}
          >
            Add a client
          </button>
        )}
      </div>
    </div>
  );
}

/** Pushes to whom it names, as a connector does. */
function QuickPush() {
  const [accessId, setAccessId] = useState('client1');
  const [text, setText] = useState('hello');
  const [said, setSaid] = useState<Saying>();
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await pushEvent(accessId, String(Date.now()), JSON.stringify(text));
      setSaid({ text: 'Stored: true', isError: false });
    } catch (error) {
      setSaid({ text: inWords(error), isError: true });
    }
  };
  return (
    <form class="panel push quick" aria-label="Push" onSubmit={(event) => void submit(event)}>
      <Field id="to" label="Push to" required value={accessId} onValue={setAccessId} />
      <Field id="text" label="Payload, a text" class="grows" value={text} onValue={setText} />
      <button type="submit" class="primary">
        Push
      </button>
      <Said saying={said} />
    </form>
  );
}
