import type { Cursor } from './cursors.js';
import { count, plural } from './format.js';
import type { Log } from './user-data.js';

const WIDTH = 1000;
const TRACK = { top: 26, height: 34 };
/** Beyond so many events ticks are no longer told apart. */
const MAX_TICKS = 250;

/** The part of a log's numbers that is drawn, and where. */
interface Scale {
  readonly held: number;
  /** Events that are gone and drawn as gone. */
  readonly gone: number;
  readonly span: number;
  /** Where the place behind an event is, 0 to `WIDTH`. */
  readonly x: (number: number) => number;
}

function scaleOf({ oldest, newest }: Log): Scale {
  const held = newest - oldest + 1;
  // What is gone is shown as gone, and never takes more than a quarter.
  const gone = Math.min(oldest - 1, Math.max(1, Math.ceil(held / 3)));
  const first = oldest - gone;
  const span = Math.max(1, newest - first + 1);
  const x = (number: number) => (Math.max(0, Math.min(span, number - first + 1)) / span) * WIDTH;
  return { held, gone, span, x };
}

/** The whole log from its first event to its newest, what is gone of it, and where each connection stands. */
export function Timeline({ log, cursors }: { log: Log; cursors: readonly Cursor[] }) {
  const scale = scaleOf(log);
  return (
    <figure class="timeline">
      <svg
        viewBox={`0 0 ${WIDTH} 64`}
        preserveAspectRatio="none"
        role="img"
        aria-label={summaryOf(log, cursors)}
      >
        <Track log={log} scale={scale} />
        {cursors.map(({ name, at, behind }) => {
          if (at === undefined) return null;
          const x = inside(scale.x(at));
          const { top, height } = TRACK;
          return (
            <line
              key={name}
              class={behind > 0 ? 'cursor late' : 'cursor'}
              x1={x}
              x2={x}
              y1={top - 6}
              y2={top + height}
            />
          );
        })}
      </svg>
      <Flags cursors={cursors} share={(at) => inside(scale.x(at)) / WIDTH} />
      <figcaption>
        <span>{log.oldest > 1 ? `${count(log.oldest - 1)} gone` : 'event 1'}</span>
        <span>{scale.held > 0 ? `event ${count(log.newest)}, the newest` : 'nothing held'}</span>
      </figcaption>
    </figure>
  );
}

function Track({ log: { oldest }, scale: { held, gone, span, x } }: { log: Log; scale: Scale }) {
  const { top, height } = TRACK;
  const begin = x(oldest - 1);
  const numbers = span <= MAX_TICKS ? Array.from({ length: held }, (_, i) => oldest + i) : [];
  return (
    <>
      <rect class="track" x="0" y={top} width={WIDTH} height={height} rx="2" />
      {gone > 0 && <rect class="gone" x="0" y={top} width={begin} height={height} />}
      {held > 0 && <rect class="held" x={begin} y={top} width={WIDTH - begin} height={height} />}
      {numbers.map((number) => (
        <line key={number} class="tick" x1={x(number - 1)} x2={x(number - 1)} y1={top} y2={top + height} />
      ))}
    </>
  );
}

/** A line on the edge would be half a line. */
const inside = (x: number) => Math.max(1.5, Math.min(WIDTH - 1.5, x));

/** The cursors' names above the track, those of one place together. */
function Flags({ cursors, share }: { cursors: readonly Cursor[]; share: (at: number) => number }) {
  const places = new Map<number, Cursor[]>();
  for (const cursor of cursors) {
    if (cursor.at === undefined) continue;
    const place = Math.round(share(cursor.at) * 20);
    places.set(place, [...(places.get(place) ?? []), cursor]);
  }
  return (
    <div class="flags" aria-hidden="true">
      {[...places.values()].map((together) => {
        const left = share(together[0]!.at!);
        const names =
          together.length > 3
            ? `${together.length} cursors`
            : together.map(({ name }) => `#${name}`).join(' ');
        return (
          <span
            key={names}
            class={together.some(({ behind }) => behind > 0) ? 'flag late' : 'flag'}
            // What stands near an edge hangs inwards.
            style={left > 0.5 ? { right: `${(1 - left) * 100}%` } : { left: `${left * 100}%` }}
          >
            {names}
          </span>
        );
      })}
    </div>
  );
}

function summaryOf(log: Log, cursors: readonly Cursor[]): string {
  const held = log.newest - log.oldest + 1;
  const late = cursors.filter(({ behind }) => behind > 0);
  const holds = held > 0 ? `holds events ${log.oldest} to ${log.newest}` : 'holds no events';
  return `The log ${holds}. ${plural(cursors.length, 'connection')}, ${late.length} of them behind.`;
}
