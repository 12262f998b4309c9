import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { originRule } from './origin-rule.js';

function allows(allowed: readonly string[], origin: string | undefined, host = 'app.example'): boolean {
  const headers = origin === undefined ? { host } : { host, origin };
  return originRule(allowed)({ headers } as IncomingMessage);
}

describe('a handshake', () => {
  test.each([
    [undefined, true],
    ['http://app.example', true],
    ['https://app.example', true],
    ['https://app.example:8443', false],
    ['https://app.example.evil.example', false],
    ['https://evil.example', false],
    ['null', false],
    ['', false],
    ['HTTPS://APP.EXAMPLE', false],
    ['ftp://app.example', false],
  ])('from the page %p is let in by default: %p', (origin, expected) => {
    expect(allows([], origin)).toBe(expected);
  });

  test('compares the port that the request names', () => {
    expect(allows([], 'http://localhost:8080', 'localhost:8080')).toBe(true);
    expect(allows([], 'http://localhost:3000', 'localhost:8080')).toBe(false);
  });

  test.each([
    [undefined, true],
    ['https://a.example', true],
    ['https://b.example:8443', true],
    ['https://app.example', false],
    ['https://a.example.evil.example', false],
    ['https://a.example:443', false],
    ['null', false],
  ])('from the page %p is let in where origins are listed: %p', (origin, expected) => {
    expect(allows(['https://a.example', 'https://b.example:8443'], origin)).toBe(expected);
  });

  test('from any page is let in where any is allowed', () => {
    expect(allows(['*'], 'https://evil.example')).toBe(true);
    expect(allows(['*'], 'null')).toBe(true);
  });
});
