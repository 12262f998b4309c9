import { readFileSync } from 'node:fs';
import { RedisScript } from '../../redis/redis-script.js';

/** The scripts, each behind what all that look at partitions share. */
export const scripts = {
  append: load('append'),
  claim: load('claim'),
  drop: load('drop'),
  read: load('read'),
  check: load('check'),
  rights: new RedisScript(text('rights')),
};

/**
 * Those that look, as a server runs them that takes no writes for another reason than memory: it refuses whatever might write, whole. What has
 * expired meanwhile is still seen.
 */
export const forReadOnly: ReadonlyMap<RedisScript, RedisScript> = new Map([
  [scripts.read, load('read', '#!lua flags=no-writes,allow-oom\nlocal takes_writes = false\n')],
  [scripts.check, load('check', '#!lua flags=no-writes,allow-oom\nlocal takes_writes = false\n')],
]);

function load(name: string, start?: string): RedisScript {
  const own = text(name);
  const firstBreak = own.indexOf('\n') + 1;
  // Its first line says which engine runs it, and how.
  const first = start ?? `${own.slice(0, firstBreak)}local takes_writes = true\n`;
  return new RedisScript(first + text('partition') + own.slice(firstBreak));
}

function text(name: string): string {
  return readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8');
}
