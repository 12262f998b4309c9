import type { Logger } from '@nestjs/common';
import { evictedBy } from '../../redis/eviction.js';
import type { RedisServer } from '../../redis/redis-server.js';

/**
 * Looks at a server's own settings and warns of those that break promises.
 *
 * @returns whether it forgets nothing when it restarts: every write is flushed to its file before the answer
 */
export async function inspectServer({ commands, name }: RedisServer, logger: Logger): Promise<boolean> {
  const setting = (key: string) =>
    commands.config('GET', key).then(
      (reply) => reply[1] ?? '',
      // An operator may have denied CONFIG: then nothing is known, and nothing is relied on.
      () => '',
    );
  const [policy, appendOnly, flush] = await Promise.all([
    setting('maxmemory-policy'),
    setting('appendonly'),
    setting('appendfsync'),
  ]);
  const evicted = policy === '' ? undefined : evictedBy(policy);
  if (evicted !== undefined) {
    logger.warn(`Redis at ${name} has maxmemory-policy ${policy}: it may evict ${evicted}; set noeviction`);
  }
  return appendOnly === 'yes' && flush === 'always';
}

/** Errors of TLS that say that a certificate's issuer is not trusted. */
const UNTRUSTED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** What ioredis says of Sentinels, with another number each time: no news. */
const AGAIN = / Retrying from scratch after \d+ms\./;

/** What to say of a server that cannot be connected to. */
export function describeFailure(error: Error & { readonly code?: string }): string {
  const said = error.message.replace(AGAIN, '') || error.code || error.name;
  if (!UNTRUSTED.has(error.code ?? '')) return `cannot be connected to: ${said}`;
  return `cannot be connected to: ${said}; NODE_EXTRA_CA_CERTS names the file of a CA of your own`;
}
