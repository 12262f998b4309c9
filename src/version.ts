import { readFileSync } from 'node:fs';

/** The version of this package, which stands in its `package.json` and nowhere else. */
export function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
