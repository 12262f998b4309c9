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
 * @param needs how it publishes, whether it waits for replicas, and whether this is a cluster
 */
export async function refusedRights(
  server: RedisServer,
  keys: Keys,
  partition: number,
  needs: { readonly publishing: string; readonly waits: boolean; readonly isCluster: boolean },
): Promise<string[]> {
  const channel = keys.rehearsal(partition);
  const reply = await server.run(scripts.rights, [channel], [needs.publishing, channel]);
  const subscriber = await server.subscribing(SUBSCRIBER_MS);
  const others = [
    ['PING', server.commands.ping()],
    // What a server is asked that has lost its scripts while it was connected.
    ['EVAL', server.commands.eval('return 0', 0)],
    ['SSUBSCRIBE', subscriber.ssubscribe(channel)],
    ['SUNSUBSCRIBE', subscriber.sunsubscribe(channel)],
    ...(needs.waits ? ([['WAIT', server.commands.wait(0, 1)]] as const) : []),
    ...(needs.isCluster ? ([['ASKING', server.commands.call('ASKING')]] as const) : []),
  ] as const;
  const answers = await Promise.allSettled(others.map(([, answer]) => answer));
  const refused = answers.flatMap((answer, i) => {
    const said = answer.status === 'rejected' ? (answer.reason as Error).message : '';
    return said.startsWith('NOPERM') ? [`${others[i]![0]}: ${said}`] : [];
  });
  return [...(reply as Reply[]).map(text), ...refused];
}
