import { readFileSync } from 'node:fs';

/** Every mistake in the environment, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.join('\n'));
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/** Whether a host name or address is this machine's own. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

const PREFIX = 'NOTIFIER_';

/** Names that Kubernetes injects for a Service called notifier. */
const INJECTED = /^NOTIFIER_(SERVICE_.*|PORT|PORT_.*)$/;

/** What other programs would take from a file of that name and `_FILE`: a path must not become the secret. */
const SECRETS = ['NOTIFIER_JWT_SECRET', 'NOTIFIER_API_KEYS', 'NOTIFIER_REDIS_SENTINEL_PASSWORD'];

/** Reads values and collects what is wrong with them. */
export class Reader {
  private readonly known = new Set<string>();
  private readonly mistakes: string[] = [];
  /** What is allowed and probably not meant, one line each. */
  readonly warnings: string[] = [];

  constructor(private readonly environment: Environment) {}

  mistake(line: string): void {
    if (!this.mistakes.includes(line)) this.mistakes.push(line);
  }

  warn(line: string): void {
    if (!this.warnings.includes(line)) this.warnings.push(line);
  }

  /** @throws ConfigError if there was any mistake */
  finish(): void {
    for (const name of Object.keys(this.environment)) {
      if (!name.startsWith(PREFIX)) this.warnOfMisspeltPrefix(name);
      else if (!this.known.has(name)) this.unknown(name);
    }
    if (this.mistakes.length > 0) throw new ConfigError(this.mistakes);
  }

  text<T extends string | undefined>(name: string, fallback: T): string | T {
    this.known.add(name);
    // An empty value is an unset one, as Compose and CI write it.
    return this.environment[name] || fallback;
  }

  isSet(name: string): boolean {
    return this.text(name, undefined) !== undefined;
  }

  integer<T extends number | undefined>(name: string, fallback: T, min: number, max: number): number | T {
    const text = this.text(name, undefined);
    if (text === undefined) return fallback;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    this.mistake(`${name} must be an integer from ${min} to ${max}`);
    return fallback;
  }

  /** A number of seconds, fractions allowed, as milliseconds: at most a day, or 100 years for an age (`…_TTL`), which is no timer. */
  seconds(name: string, fallback: number, min: number): number {
    const max = name.endsWith('_TTL') ? 3_153_600_000 : 86_400;
    const text = this.text(name, undefined);
    if (text === undefined) return fallback * 1000;
    const value = /^\d{1,10}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return Math.round(value * 1000);
    this.mistake(`${name} must be a number of seconds from ${min} to ${max}`);
    return fallback * 1000;
  }

  oneOf<T extends string, F extends T | undefined>(name: string, choices: readonly T[], fallback: F): T | F {
    const text = this.text(name, undefined);
    if (text === undefined) return fallback;
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) this.mistake(`${name} must be ${choices.join(' or ')}`);
    return choice ?? fallback;
  }

  /** An `http` or `https` URL. A warning where what it carries could be read or changed on the way. */
  url(name: string): URL | undefined {
    const text = this.text(name, undefined);
    if (text === undefined) return undefined;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      this.mistake(`${name} must be an http or https URL`);
      return undefined;
    }
    if (url.username || url.password) this.mistake(`${name} must not hold a user or a password`);
    if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
      this.warn(`${name} is not https: whoever is on the way can read and change what it carries`);
    }
    return url;
  }

  /** A file's text; a mistake where it cannot be read. */
  file(name: string): string | undefined {
    const path = this.text(name, undefined);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.mistake(`${name} names a file that cannot be read (${code ?? 'invalid path'})`);
      return undefined;
    }
  }

  list(name: string): readonly string[] {
    const text = this.text(name, '');
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  private unknown(name: string): void {
    const value = this.environment[name] ?? '';
    const bare = name.slice(PREFIX.length);
    if (!INJECTED.test(name)) {
      this.mistake(`${name} is not a setting of this server${this.suggestion(name)}`);
    } else if (this.known.has(bare) && /^\d+$/.test(value)) {
      // Kubernetes would have injected a URL.
      this.warn(`${name}=${value} is not read: the setting is called ${bare}`);
    }
  }

  private warnOfMisspeltPrefix(name: string): void {
    const prefix = name.slice(0, name.indexOf('_') + 1);
    const meant = PREFIX + name.slice(prefix.length);
    if (!this.known.has(meant) || distance(prefix, PREFIX) > MAX_SLIPS) return;
    this.warn(`${name} is not read; did you mean ${meant}?`);
  }

  private suggestion(name: string): string {
    const bare = name.slice(PREFIX.length);
    const secret = SECRETS.find((candidate) => name === `${candidate}_FILE`);
    if (secret !== undefined) {
      const flag = `--${bare.toLowerCase().replaceAll('_', '-')}`;
      return `; ${secret} holds the secret itself, which only "notifier serve" reads from a file: ${flag}`;
    }
    if (this.known.has(bare)) return `; did you mean ${bare}?`;
    const known = [...this.known].filter((candidate) => candidate.startsWith(PREFIX));
    const best = misspelt(name, known) ?? sharesMostWords(name, known);
    return best === undefined ? '' : `; did you mean ${best}?`;
  }
}

/** More letters than these are another word. */
const MAX_SLIPS = 2;

/** The name that differs by a slip or two of the fingers. */
function misspelt(name: string, known: readonly string[]): string | undefined {
  const slips = known.map((candidate) => ({ candidate, distance: distance(name, candidate) }));
  const [best] = slips.sort((a, b) => a.distance - b.distance);
  return best && best.distance <= MAX_SLIPS ? best.candidate : undefined;
}

/** Letters put in, left out or exchanged for others (Levenshtein's distance). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(exchanged, above[j]! + 1, row[j - 1]! + 1));
    }
  }
  return row[b.length]!;
}

function sharesMostWords(name: string, known: readonly string[]): string | undefined {
  const words = new Set(name.split('_').slice(1));
  const score = (candidate: string) => candidate.split('_').filter((word) => words.has(word)).length;
  const [best] = [...known].sort((a, b) => score(b) - score(a));
  return best !== undefined && score(best) > 1 ? best : undefined;
}
