import { useMemo, useState } from 'preact/hooks';
import { bytes, count, duration, plural, rate, time, type Format } from './format.js';
import {
  column,
  minutesKnown,
  newestSecond,
  secondsUntil,
  total,
  worst,
  type Figure,
  type Lane,
} from './lanes.js';
import { Nodes } from './nodes.js';
import { Plot, type Line } from './plot.js';
import type { Known } from './watch.js';

interface PanelDescription {
  readonly figure: Figure;
  readonly title: string;
  readonly unit?: string;
  readonly format: Format;
  /** How nodes make one figure. */
  readonly of: (lanes: readonly Lane[], figure: Figure) => number | undefined;
  readonly note: (lanes: readonly Lane[], lines: readonly Line[]) => string;
  readonly isWide?: boolean;
  /** Its axis ends at 1, 2, 4, … KiB and so on. */
  readonly isBinary?: boolean;
  /** What to say instead of a plot where there is nothing to draw. */
  readonly without: string;
  /** The same, where the store is Redis, if nothing will ever be drawn then. */
  readonly withoutOnRedis?: string;
  /** A second figure, drawn faintly. */
  readonly beside?: Figure;
}

const RATE = {
  unit: '/s',
  format: rate,
  of: total,
  note: peakNote,
  without: 'No figures yet',
  isWide: true,
} as const;

const PANELS: readonly PanelDescription[] = [
  { ...RATE, figure: 'events_per_second', title: 'Events in' },
  { ...RATE, figure: 'deliveries_per_second', title: 'Deliveries out' },
  {
    figure: 'latency_p99_ms',
    beside: 'latency_p50_ms',
    title: 'Delivery latency',
    unit: 'p99',
    format: duration,
    of: worst,
    note: (lanes) => medianNote(worst(lanes, 'latency_p50_ms')),
    without: 'Nothing timed yet',
  },
  {
    figure: 'connections',
    title: 'Connections',
    format: count,
    of: total,
    note: (lanes) => plural(total(lanes, 'users') ?? 0, 'user'),
    without: 'No figures yet',
  },
  {
    figure: 'buffered_bytes',
    title: 'Buffered',
    isBinary: true,
    format: bytes,
    of: worst,
    note: (lanes) => (worst(lanes, 'buffered_bytes') === undefined ? '' : 'in the store'),
    without: 'No figures yet',
    withoutOnRedis: 'Redis keeps the events, and has figures of its own',
  },
];

/** The highest sum of all nodes in one second. */
function peakNote(_lanes: readonly Lane[], lines: readonly Line[]): string {
  const [first] = lines;
  if (!first) return '';
  const sums = first.values.map((_, i) => lines.reduce((sum, { values }) => sum + (values[i] ?? 0), 0));
  return `peak ${rate(sums.reduce((a, b) => Math.max(a, b)))}`;
}

const medianNote = (p50: number | undefined) =>
  p50 === undefined ? 'nothing timed just now' : `p50 ${duration(p50)}, push to socket`;

/** How the server is doing, and was during the last 15 minutes. */
export function Now({ known }: { known: Known }) {
  const { lanes, state, answer } = known;
  const [index, setIndex] = useState<number>();
  const newest = newestSecond(lanes);
  const minutes = minutesKnown(lanes);
  const seconds = useMemo(() => secondsUntil(newest, minutes), [newest, minutes]);
  return (
    <div class={state === 'lost' ? 'now stale' : 'now'}>
      <div class="heading">
        <h1>Now</h1>
        <p class="muted">
          {index === undefined
            ? `The last ${minutes} minutes`
            : `At ${time((seconds[index] ?? newest) * 1000)}`}
        </p>
      </div>
      <div class="panels">
        {PANELS.map((panel) => (
          <Panel
            key={panel.figure}
            panel={panel}
            lanes={lanes}
            store={answer?.store}
            seconds={seconds}
            index={index}
            onPoint={setIndex}
          />
        ))}
      </div>
      <Nodes lanes={lanes} />
      {answer && (
        <p class="muted footnote">
          Store: {answer.store}. Subscribers: {answer.subscribers}. One sample a second, kept for 15 minutes
          by each node.
        </p>
      )}
    </div>
  );
}

interface PanelProps {
  readonly panel: PanelDescription;
  readonly lanes: readonly Lane[];
  /** As the server names it; absent until it has answered. */
  readonly store: string | undefined;
  readonly seconds: readonly number[];
  readonly index: number | undefined;
  readonly onPoint: (index: number | undefined) => void;
}

function Panel({ panel, lanes, store, seconds, index, onPoint }: PanelProps) {
  const { title, unit, format, figure, isWide } = panel;
  const lines = useMemo(() => linesOf(panel, lanes, seconds), [panel, lanes, seconds]);
  const now = panel.of(lanes, figure);
  const shown = index === undefined ? now : at(panel, lines, index);
  return (
    <section class={isWide ? 'panel wide' : 'panel'} aria-label={title}>
      <header>
        <h2>{title}</h2>
        <p class="note">{panel.note(lanes, lines)}</p>
      </header>
      <p class="figure">
        {shown === undefined ? <span class="none">–</span> : format(shown)}
        {shown !== undefined && unit !== undefined && <span class="unit"> {unit}</span>}
      </p>
      {hasValues(lines) ? (
        <Plot
          seconds={seconds}
          lines={lines}
          format={format}
          isBinary={panel.isBinary ?? false}
          summary={summaryOf(panel, now, lines)}
          onPoint={onPoint}
        />
      ) : (
        <p class="plot without">{withoutOf(panel, store)}</p>
      )}
    </section>
  );
}

function withoutOf(
  { without, withoutOnRedis = without }: PanelDescription,
  store: string | undefined,
): string {
  return store === 'redis' ? withoutOnRedis : without;
}

function linesOf(
  { figure, beside }: PanelDescription,
  lanes: readonly Lane[],
  seconds: readonly number[],
): Line[] {
  const lines = lanes.map((lane) => ({ colour: colourOf(lane), values: column(lane, figure, seconds) }));
  if (beside === undefined || lanes.length !== 1) return lines;
  return [
    ...lines,
    ...lanes.map((lane) => ({ colour: '--muted', isFaint: true, values: column(lane, beside, seconds) })),
  ];
}

const hasValues = (lines: readonly Line[]) =>
  lines.some(({ values }) => values.some((value) => value !== null));

export function colourOf({ index }: Lane): string {
  return `--lane-${index % 6}`;
}

/** What the lines say at one moment, made into one figure as the present is. */
function at({ of }: PanelDescription, lines: readonly Line[], index: number): number | undefined {
  const values = lines.filter(({ isFaint }) => !isFaint).map(({ values }) => values[index]);
  const known = values.filter((value): value is number => typeof value === 'number');
  if (known.length === 0) return undefined;
  return of === total ? known.reduce((sum, value) => sum + value, 0) : Math.max(...known);
}

function summaryOf(
  { title, unit = '', format, of }: PanelDescription,
  now: number | undefined,
  lines: readonly Line[],
): string {
  const values = lines
    .flatMap(({ values, isFaint }) => (isFaint ? [] : values))
    .filter((value) => value !== null);
  if (now === undefined || values.length === 0) return `${title}: nothing yet`;
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const scope = of === total && lines.length > 1 ? ' of a node' : '';
  const minutes = Math.round((lines[0]?.values.length ?? 0) / 60);
  return `${title}, last ${minutes} minutes: now ${format(now)} ${unit}, lowest${scope} ${format(low)}, highest${scope} ${format(high)}`;
}
