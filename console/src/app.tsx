import { useEffect } from 'preact/hooks';
import { count } from './format.js';
import { total } from './lanes.js';
import { Now } from './now.js';
import { Notice } from './notice.js';
import { href, useRoute, type Route } from './route.js';
import { apiKey } from './server.js';
import { ThemeSwitch } from './theme-switch.js';
import { TryIt } from './try-it.js';
import { Unlock } from './unlock.js';
import { User } from './user.js';
import { useKnown, watch, type Known } from './watch.js';
import { Who } from './who.js';

const VIEWS = [
  [{ view: 'now' }, 'Now'],
  [{ view: 'who' }, 'Who'],
  [{ view: 'try' }, 'Try it'],
] as const satisfies readonly (readonly [Route, string])[];

export function App() {
  const known = useKnown();
  const route = useRoute();
  useEffect(() => {
    document.title = titleOf(known, route);
  }, [known, route]);
  // Another view is another page: it begins at its top, and a screen reader there.
  useEffect(() => window.scrollTo(0, 0), [JSON.stringify(route)]);
  return (
    <>
      <a class="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <Header known={known} route={route} />
      <main id="content" tabIndex={-1}>
        <Notice known={known} />
        {known.state === 'locked' ? (
          <Unlock refusal={known.refusal!} />
        ) : (
          <View known={known} route={route} />
        )}
      </main>
    </>
  );
}

/** The address says which view is shown, so that a link into the page must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('content')!.focus();
}

function View({ known, route }: { known: Known; route: Route }) {
  switch (route.view) {
    case 'now':
      return <Now known={known} />;
    case 'who':
      return <Who users={total(known.lanes, 'users')} comebackAt={known.comeback?.at} />;
    case 'user':
      return <User key={route.accessId} accessId={route.accessId} />;
    case 'try':
      return <TryIt needsToken={known.answer?.subscribers === 'authenticated'} />;
  }
}

function Header({ known, route }: { known: Known; route: Route }) {
  const current = route.view === 'user' ? 'who' : route.view;
  return (
    <header class="bar">
      <a class="brand" href={href({ view: 'now' })}>
        <Mark />
        notifier
      </a>
      <nav aria-label="Views">
        {VIEWS.map(([to, name]) => (
          <a key={name} href={href(to)} {...(to.view === current && { 'aria-current': 'page' as const })}>
            {name}
          </a>
        ))}
      </nav>
      <div class="bar-end">
        <Pulse state={known.state} />
        {apiKey.get() !== null && known.state !== 'locked' && (
          <button type="button" class="quiet" onClick={() => watch.lock()}>
            Forget key
          </button>
        )}
        <ThemeSwitch />
      </div>
    </header>
  );
}

const PULSES: Readonly<Record<Known['state'], string>> = {
  asking: 'asking',
  live: 'live',
  lost: 'no answer',
  locked: 'locked',
};

function Pulse({ state }: { state: Known['state'] }) {
  return (
    <span class={`pulse pulse-${state}`}>
      <span class="dot" aria-hidden="true" />
      {PULSES[state]}
    </span>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M3 5h14M3 10h14M3 15h14" />
      <circle cx="14" cy="5" r="2.4" />
      <circle cx="9" cy="10" r="2.4" />
      <circle cx="5.5" cy="15" r="2.4" />
    </svg>
  );
}

function titleOf({ state, lanes }: Known, route: Route): string {
  if (state === 'lost') return 'No answer · notifier';
  if (state === 'locked') return 'API key · notifier';
  if (route.view === 'user') return `${route.accessId} · notifier`;
  if (route.view === 'who') return 'Who is connected · notifier';
  if (route.view === 'try') return 'Try it · notifier';
  const connections = total(lanes, 'connections');
  return connections === undefined ? 'notifier' : `${count(connections)} connected · notifier`;
}
