import { time } from './format.js';
import type { Known } from './watch.js';

/** What there is to say about the server itself. It is always there, so that a screen reader is told when it changes. */
export function Notice({ known }: { known: Known }) {
  const { state, comeback } = known;
  return (
    <div role="status" class="notices">
      {state === 'lost' && <Lost known={known} />}
      {state === 'live' && comeback && (
        <p class="notice notice-good">
          <strong>{comeback.restarted ? 'The server was restarted.' : 'The server answers again.'}</strong> It
          was gone from {time(comeback.since)} to {time(comeback.at)}.
          {comeback.restarted && ' Its own history begins anew; this page keeps what it had seen.'}
        </p>
      )}
    </div>
  );
}

function Lost({ known: { answeredAt } }: { known: Known }) {
  if (answeredAt === undefined) {
    return (
      <p class="notice notice-bad">
        <strong>The server does not answer.</strong> The page asks again every second.
      </p>
    );
  }
  return (
    <p class="notice notice-bad">
      <strong>No answer since {time(answeredAt)}.</strong> What you see is from then. The page asks again
      every second, and goes on by itself.
    </p>
  );
}
