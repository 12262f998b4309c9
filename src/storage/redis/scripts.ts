import { readFileSync } from 'node:fs';
import { RedisScript } from '../../redis/redis-script.js';

/** The scripts, each behind what all of them share. */
export const scripts = {
  append: load('append'),
  claim: load('claim'),
  drop: load('drop'),
  read: load('read'),
  check: load('check'),
  rights: load('rights'),
};

function load(name: string): RedisScript {
  const own = text(name);
  const firstBreak = own.indexOf('\n') + 1;
  // Its first line says which engine runs it, and how.
  return new RedisScript(own.slice(0, firstBreak) + text('partition') + own.slice(firstBreak));
}

function text(name: string): string {
  return readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8');
}
