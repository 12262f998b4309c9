import type { RedisServer } from '../../redis/redis-server.js';
import { text } from './replies.js';
import type { Reply } from '../../redis/redis-script.js';
import { scripts } from './scripts.js';
import type { Keys } from './partitions.js';

/** How long a server may take to have a connection for what it publishes, once it has one for commands. */
const SUBSCRIBER_MS = 2000;

/**
 * What a server does not let this user do (ACL), in the server's own words, of all that is needed. Found out before anything
 * is stored: a script that is refused a command half way leaves a half behind.
 *
 * @param partition one that the server serves
 * @param needs how it publishes, and whether it waits for replicas
 */
export async function refusedRights(
  server: RedisServer,
  keys: Keys,
  partition: number,
  needs: { readonly publishing: string; readonly waits: boolean },
): Promise<string[]> {
  const channel = keys.rehearsal(partition);
  const reply = await server.run(
    scripts.rights,
    [channel],
    ['', '0 0 0 0 0 0 0 0', needs.publishing, channel],
  );
  const subscriber = await server.subscribing(SUBSCRIBER_MS);
  const others = [
    ['PING', server.commands.ping()],
    ['SSUBSCRIBE', subscriber.ssubscribe(channel)],
    ['SUNSUBSCRIBE', subscriber.sunsubscribe(channel)],
    ...(needs.waits ? ([['WAIT', server.commands.wait(0, 1)]] as const) : []),
  ] as const;
  const answers = await Promise.allSettled(others.map(([, answer]) => answer));
  const refused = answers.flatMap((answer, i) => {
    const said = answer.status === 'rejected' ? (answer.reason as Error).message : '';
    return said.startsWith('NOPERM') ? [`${others[i]![0]}: ${said}`] : [];
  });
  return [...(reply as Reply[]).map(text), ...refused];
}
