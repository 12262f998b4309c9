/** What a server with such a `maxmemory-policy` may take away once its memory is full; `undefined` where that is nothing. */
export function evictedBy(policy: string): string | undefined {
  if (policy === 'noeviction') return undefined;
  return policy.startsWith('allkeys-')
    ? 'logs and what is remembered of them'
    : 'events and idempotency keys';
}
