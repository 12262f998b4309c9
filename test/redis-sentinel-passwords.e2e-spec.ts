import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { Sentinels } from './support/sentinels.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

const PASSWORD = 'what-only-sentinels-know';

let redis: RedisProcess;
let sentinels: Sentinels;
let server: ServerProcess | undefined;

beforeEach(async () => {
  redis = await RedisProcess.start();
  sentinels = await Sentinels.start(redis, 0, 1);
});

afterEach(async () => {
  await server?.kill();
  await sentinels.remove();
  await redis.remove();
});

async function start(environment: Readonly<Record<string, string>>): Promise<ServerProcess> {
  server = await startServer({
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: sentinels.url,
    NOTIFIER_LOG_LEVEL: 'trace',
    ...environment,
  });
  return server;
}

test.each([
  ['their default user', 'default', {}],
  ['a user of theirs', 'watcher', { NOTIFIER_REDIS_SENTINEL_USER: 'watcher' }],
])('Sentinels that want the password of %s are shown it, and it is in no log', async (_who, user, named) => {
  await sentinels.lock(user, PASSWORD);
  const { url } = await start({ NOTIFIER_REDIS_SENTINEL_PASSWORD: PASSWORD, ...named });
  await untilReady(url);
  await pushed(url, [event('client1', 1, 'x')]);
  expect(server!.stderr).not.toContain(PASSWORD);
});

test('the log says that Sentinels want a password that they are not shown', async () => {
  await sentinels.lock('default', PASSWORD);
  await start({});
  await eventually(() => /NOAUTH/.test(server!.stderr), 'the log says so');
});
