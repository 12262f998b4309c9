import { useState } from 'preact/hooks';
import { apiKey, type Refused } from './server.js';
import { watch } from './watch.js';

/** Asks for an API key, or for another one. */
export function Unlock({ refusal }: { refusal: Refused }) {
  const [key, setKey] = useState('');
  const wasWrong = apiKey.get() !== null;
  const submit = (event: Event) => {
    event.preventDefault();
    if (key !== '') void watch.unlock(key);
  };
  return (
    <section class="unlock panel" aria-labelledby="unlock-title">
      <h1 id="unlock-title">{refusal.status === 401 || wasWrong ? 'An API key, please' : 'Not from here'}</h1>
      <p class="muted">
        This server asks connectors for a key. One with the scope <code>read</code> shows this page; pushing
        and dropping by hand need <code>push</code> and <code>drop</code> too.
      </p>
      <form onSubmit={submit}>
        <label for="api-key">API key</label>
        <input
          id="api-key"
          type="password"
          autocomplete="off"
          autofocus
          value={key}
          aria-describedby="key-state"
          onInput={({ currentTarget }) => setKey(currentTarget.value)}
        />
        <button type="submit" class="primary">
          Open
        </button>
      </form>
      <p id="key-state" role="alert" class={wasWrong ? 'field-error' : 'hint'}>
        {wasWrong ? sentence(refusal.message) : 'It is kept in this tab, until the tab is closed.'}
      </p>
    </section>
  );
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
