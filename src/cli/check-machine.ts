import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { causeOf } from '../cause.js';
import type { Config } from '../config.js';
import { isLoopback } from '../config/reader.js';
import { socketLimits } from '../descriptors.js';
import { checkRedis } from './check-redis.js';
import { ok, problem, warning, type Finding } from './finding.js';

const OLDEST_NODE = 20;

/** The machine, and what the server asks of it. */
export async function checkMachine(config: Config): Promise<Finding[]> {
  return [checkNode(), checkDescriptors(config), ...(await checkStore(config)), ...checkProxies(config)];
}

function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= OLDEST_NODE) return ok(`Node.js ${process.versions.node}`);
  return problem(`Node.js ${process.versions.node} is too old`, `install ${OLDEST_NODE} or later`);
}

function checkDescriptors({ maxConnections }: Config): Finding {
  const { connections } = socketLimits();
  if (connections >= maxConnections) return ok(`open files: enough for ${maxConnections} connections`);
  return warning(
    `open files: the limit of this shell leaves ${connections} connections, NOTIFIER_MAX_CONNECTIONS is ${maxConnections}`,
    `raise it to ${maxConnections + 256}: ulimit -n, LimitNOFILE= in a systemd unit, ulimits: in Compose`,
  );
}

async function checkStore(config: Config): Promise<Finding[]> {
  switch (config.store) {
    case 'memory':
      return [
        warning(
          'store: memory, so that every event is gone with the process',
          'NOTIFIER_STORE=lmdb keeps them',
        ),
      ];
    case 'redis':
      return checkRedis(config);
    case 'lmdb':
      return [await checkDataDir(resolve(config.dataDir), config.bounds.totalBytes)];
  }
}

async function checkDataDir(dir: string, totalBytes: number): Promise<Finding> {
  const existing = await nearestExisting(dir);
  if (!(await stat(existing)).isDirectory()) {
    return problem(`store: ${existing} is no folder`, 'move it away, or set NOTIFIER_DATA_DIR');
  }
  try {
    await access(existing, constants.W_OK | constants.X_OK);
  } catch (error) {
    return problem(
      `store: ${existing} is not writable (${causeOf(error)})`,
      'give it to the user that the server runs as, or set NOTIFIER_DATA_DIR',
    );
  }
  const { bavail, bsize } = await statfs(existing);
  const free = bavail * bsize;
  if (free >= totalBytes) return ok(`store: ${dir}, with ${gibibytes(free)} free`);
  return warning(
    `store: ${dir} has ${gibibytes(free)} free, and the events may grow to ${gibibytes(totalBytes)}`,
    'make room, or lower NOTIFIER_BUFFER_TOTAL_BYTES',
  );
}

async function nearestExisting(dir: string): Promise<string> {
  try {
    await access(dir);
    return dir;
  } catch {
    return dirname(dir) === dir ? dir : nearestExisting(dirname(dir));
  }
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function checkProxies(config: Config): Finding[] {
  const { trustedProxies, host, maxConnectionsPerAddress, eventsPerSecond, apiKeys } = config;
  const countsAddresses =
    maxConnectionsPerAddress !== undefined || (eventsPerSecond !== undefined && apiKeys.length === 0);
  if (trustedProxies) return [ok('proxies: those of NOTIFIER_TRUST_PROXY are believed')];
  if (countsAddresses && (isLoopback(host) || config.tls === undefined)) {
    return [
      warning(
        'proxies: none is believed; behind one, all clients share its address, and the limits that count by address',
        'set NOTIFIER_TRUST_PROXY if there is one',
      ),
    ];
  }
  return [ok('proxies: none is believed, X-Forwarded-For is ignored')];
}
