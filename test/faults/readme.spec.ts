import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const FOLDER = new URL('./', import.meta.url);

const text = (name: string) => readFileSync(new URL(name, FOLDER), 'utf8');

/** Names of faults, as the deployments have them. */
const FAULTS = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('spec.ts'))
  .flatMap((name) => [...text(name).matchAll(/^\s+name: '([^']+)',$/gm)].map(([, fault]) => fault!));

/** Rows of the table of faults: the fault, and where it is exercised. */
const ROWS = [
  ...text('README.md').matchAll(/^\| (.+?) +\| (?:all|single|sentinel|cluster)[^|]*\| (.+?) +\|$/gm),
].map(([, fault, where]) => ({ fault: fault!, where: where! }));

describe('the table of faults', () => {
  it('has every fault once, and no other', () => {
    expect(ROWS.map(({ fault }) => fault).toSorted()).toEqual([...new Set(FAULTS)].toSorted());
  });

  it.each(ROWS)('is right about where "$fault" is exercised', ({ fault, where }) => {
    const short = text('faults.e2e-spec.ts');
    expect(short.includes(`'${fault}'`)).toBe(where.startsWith('short run'));
    for (const [, file] of where.matchAll(/`([\w-]+\.e2e-spec\.ts)`/g))
      expect(() => text(`../${file}`)).not.toThrow();
  });
});
