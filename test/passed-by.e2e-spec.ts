import { expect, test } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { createApp, listen } from '../src/app.js';
import { readConfig } from '../src/config.js';

const config = readConfig({ PORT: '0', NOTIFIER_STORE: 'memory', NOTIFIER_LOG_LEVEL: 'silent' });

test.each<[string, (app: NestExpressApplication) => unknown]>([
  ['guard', (app) => app.useGlobalGuards({ canActivate: () => false })],
  ['pipe', (app) => app.useGlobalPipes({ transform: (value: unknown) => value })],
  ['interceptor', (app) => app.useGlobalInterceptors({ intercept: (_, next) => next.handle() })],
  ['prefix', (app) => app.setGlobalPrefix('v1')],
])('a start with a global %s fails: pushes would pass it by', async (kind, add) => {
  const app = await createApp(config);
  add(app);
  await expect(listen(app, config)).rejects.toThrow(`a global ${kind} was added`);
  await app.close();
});
