/** Seconds that a plot shows at most, and at least. */
const WINDOW_SECONDS = 15 * 60;
const MIN_WINDOW_SECONDS = 2 * 60;

/** A second or two without a sample is a busy server, and no gap. */
const BRIDGED_SECONDS = 3;

export type Figure =
  | 'connections'
  | 'users'
  | 'events_per_second'
  | 'deliveries_per_second'
  | 'latency_p50_ms'
  | 'latency_p99_ms'
  | 'buffered_bytes';

/** What `GET /console/figures` answers. */
export interface FiguresAnswer {
  readonly store: string;
  readonly subscribers: 'everyone' | 'authenticated';
  /** What each number of a sample is; the first one is its second, in Unix milliseconds. */
  readonly figures: readonly string[];
  readonly nodes: readonly NodeAnswer[];
}

interface NodeAnswer {
  readonly node: string;
  readonly started_at: number | null;
  readonly samples: readonly (readonly (number | null)[])[] | null;
}

export interface Sample extends Readonly<Record<Figure, number | null>> {
  readonly second: number;
}

/** A node's history under one colour. A node that comes where another has gone goes on in its lane: mostly it is the same one, restarted. */
export interface Lane {
  readonly index: number;
  readonly node: string;
  readonly startedAt: number | null;
  /** `silent`: the other nodes miss its answer. */
  readonly state: 'there' | 'silent' | 'gone';
  readonly samples: readonly Sample[];
}

export function lastSample({ samples }: Lane): Sample | undefined {
  return samples.at(-1);
}

/** The lanes after an answer. */
export function merge(lanes: readonly Lane[], answer: FiguresAnswer): Lane[] {
  const answered = new Set(answer.nodes.map(({ node }) => node));
  const free = lanes.filter(({ node }) => !answered.has(node));
  const next = answer.nodes.map((node) => {
    const own = lanes.find((lane) => lane.node === node.node);
    return extended(own ?? free.shift(), node, answer.figures);
  });
  const gone = free.map((lane): Lane => ({ ...lane, state: 'gone' }));
  return numbered(recent([...next, ...gone]));
}

/** Lanes keep their number, and with it their colour; a new one gets the first that is free. */
function numbered(lanes: readonly Lane[]): Lane[] {
  const taken = new Set(lanes.map(({ index }) => index));
  return lanes.map((lane) => {
    if (lane.index >= 0) return lane;
    let index = 0;
    while (taken.has(index)) index++;
    taken.add(index);
    return { ...lane, index };
  });
}

function extended(lane: Lane | undefined, node: NodeAnswer, figures: readonly string[]): Lane {
  const before = lane?.samples ?? [];
  const last = before.at(-1)?.second ?? 0;
  const fresh = (node.samples ?? [])
    .map((sample) => named(sample, figures))
    .filter(({ second }) => second > last);
  return {
    index: lane?.index ?? -1,
    node: node.node,
    startedAt: node.started_at ?? lane?.startedAt ?? null,
    state: node.samples ? 'there' : 'silent',
    samples: [...before, ...fresh],
  };
}

function named(sample: readonly (number | null)[], figures: readonly string[]): Sample {
  const entries = figures.map((figure, i) => [figure, sample[i] ?? null] as const);
  return {
    ...(Object.fromEntries(entries) as Record<Figure, number | null>),
    second: (sample[0] ?? 0) / 1000,
  };
}

/** Without what lies before the plots' window, and without lanes that have nothing left in it. */
function recent(lanes: readonly Lane[]): Lane[] {
  const first = newestSecond(lanes) - WINDOW_SECONDS;
  return lanes
    .map((lane) => ({ ...lane, samples: lane.samples.filter(({ second }) => second > first) }))
    .filter(({ state, samples }) => state !== 'gone' || samples.length > 0);
}

export function newestSecond(lanes: readonly Lane[]): number {
  return Math.max(0, ...lanes.map((lane) => lastSample(lane)?.second ?? 0));
}

/** How many minutes back there is something to see: a server that has just begun is no line at the right edge. */
export function minutesKnown(lanes: readonly Lane[]): number {
  const oldest = Math.min(...lanes.map(({ samples }) => samples[0]?.second ?? Infinity));
  const known = newestSecond(lanes) - oldest;
  return Math.ceil(Math.min(WINDOW_SECONDS, Math.max(MIN_WINDOW_SECONDS, known)) / 60);
}

/** The seconds of so many minutes, oldest first. */
export function secondsUntil(newest: number, minutes: number): number[] {
  return Array.from({ length: minutes * 60 }, (_, i) => newest - minutes * 60 + 1 + i);
}

/** A lane's figure for each of `seconds`, `null` where there is none. */
export function column({ samples }: Lane, figure: Figure, seconds: readonly number[]): (number | null)[] {
  const first = seconds[0]!;
  const values = new Array<number | null>(seconds.length).fill(null);
  let before = -Infinity;
  for (const sample of samples) {
    const { second } = sample;
    // What was missed in between is part of this sample's means.
    const from = second - before <= BRIDGED_SECONDS ? before + 1 : second;
    for (let at = Math.max(from, first); at <= second; at++) values[at - first] = sample[figure];
    before = second;
  }
  return values;
}

/** The figure now, of all nodes that are there; `undefined` where none has one. */
export function total(lanes: readonly Lane[], figure: Figure): number | undefined {
  const values = present(lanes, figure);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** The largest of all nodes that are there. */
export function worst(lanes: readonly Lane[], figure: Figure): number | undefined {
  const values = present(lanes, figure);
  return values.length === 0 ? undefined : Math.max(...values);
}

function present(lanes: readonly Lane[], figure: Figure): number[] {
  return lanes
    .filter(({ state }) => state === 'there')
    .map((lane) => lastSample(lane)?.[figure])
    .filter((value): value is number => typeof value === 'number');
}
