import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { PeerAddresses, trustedProxies } from './peer-addresses.js';

function request(remoteAddress: string | undefined, forwarded?: string): IncomingMessage {
  return {
    socket: { remoteAddress },
    headers: { 'x-forwarded-for': forwarded },
  } as unknown as IncomingMessage;
}

function addressOf(trusted: string | undefined, ...args: Parameters<typeof request>): string {
  const proxies = trusted === undefined ? undefined : trustedProxies(trusted);
  return new PeerAddresses(proxies).of(request(...args));
}

describe('the address of a peer', () => {
  test.each([
    [undefined, '10.0.0.1', '203.0.113.1', '10.0.0.1'],
    ['false', '10.0.0.1', '203.0.113.1', '10.0.0.1'],
    ['true', '10.0.0.1', '203.0.113.1, 198.51.100.1', '203.0.113.1'],
    ['1', '10.0.0.1', '203.0.113.1, 198.51.100.1', '198.51.100.1'],
    ['2', '10.0.0.1', '203.0.113.1, 198.51.100.1', '203.0.113.1'],
    ['10.0.0.0/8', '10.0.0.1', '203.0.113.1, 198.51.100.1', '198.51.100.1'],
    ['10.0.0.0/8', '192.0.2.1', '203.0.113.1', '192.0.2.1'],
    ['10.0.0.0/8, 198.51.100.1', '10.0.0.1', '203.0.113.1, 198.51.100.1', '203.0.113.1'],
    ['loopback', '::1', '2001:db8::1', '2001:db8::1'],
    ['loopback', '127.0.0.1', undefined, '127.0.0.1'],
    ['loopback', '127.0.0.1', 'evil\u00a0<script>', '127.0.0.1'],
    ['1', '10.0.0.1', '203.0.113.1:1234', '10.0.0.1'],
    [undefined, '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['true', undefined, '203.0.113.1', ''],
  ])('with %p trusted, from %p and X-Forwarded-For %p, is %p', (trusted, remote, forwarded, expected) => {
    expect(addressOf(trusted, remote, forwarded)).toBe(expected);
  });
});
