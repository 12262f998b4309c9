const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

export type Format = (value: number) => string;

/** 10,000 */
export const count: Format = (value) => whole.format(value);

/** Small rates keep a decimal: 0.4, 12, 10,000. */
export const rate: Format = (value) => (value < 10 ? tenths.format(value) : whole.format(value));

/** From milliseconds: 0.25 ms, 12 ms, 1.2 s. */
export const duration: Format = (ms) => {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 10) return `${ms.toFixed(0)} ms`;
  return `${ms.toFixed(ms >= 1 ? 1 : 2)} ms`;
};

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export const bytes: Format = (value) => {
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`;
};

/** 12:03:05, with the day where it is another one. From Unix milliseconds. */
export function time(at: number): string {
  const text = clock.format(at);
  return new Date(at).toDateString() === new Date().toDateString() ? text : `${day.format(at)}, ${text}`;
}

/** How long ago in the largest unit: 5 s, 12 min, 3 h, 2 d. */
export function ago(at: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** One event, 2 events. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
