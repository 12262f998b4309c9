import { once } from 'node:events';
import type { WriteStream } from 'node:tty';

/** What would move the cursor, or change the order of what is read: a payload is whatever somebody pushed. */
const UNPRINTABLE = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** Text of others, for a terminal, on one line. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A line on standard output, as soon as it takes one. */
export async function say(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

/** A line on standard error: for whoever watches, not for what reads the output. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function dim(text: string, stream: WriteStream = process.stdout): string {
  return hasColours(stream) ? `\u001b[2m${text}\u001b[22m` : text;
}

/** https://no-color.org */
function hasColours(stream: WriteStream): boolean {
  return stream.isTTY && stream.hasColors();
}

/** Columns of text, each as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `1 event`, `2 events`, `1,234 events`. */
export function count(number: number, what: string): string {
  return `${number.toLocaleString('en')} ${what}${number === 1 ? '' : 's'}`;
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const;

/** A time span in its largest unit: `3 min`. */
export function span(ms: number): string {
  const [unitMs, unit] = UNITS.find(([size]) => Math.abs(ms) >= size) ?? UNITS.at(-1)!;
  return `${Math.round(Math.abs(ms) / unitMs)} ${unit}`;
}
