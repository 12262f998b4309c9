import { readFileSync } from 'node:fs';

/** For the store's files, its connections, the log, and what the runtime opens. */
const OWN_DESCRIPTORS = 64;

/** Sockets beyond the subscribers': pushes and health checks must get through while no more subscriber does. */
const SPARE_SOCKETS = 192;

/** How many sockets this process can have, by its limit of open files. */
export interface SocketLimits {
  /** All together; whoever comes beyond is cut at once. */
  readonly sockets: number;
  /** Of these for connections that stay; whoever comes beyond is told. */
  readonly connections: number;
}

/** How many connections that stay this process takes, of those that it is configured for; and what to say where that is fewer. */
export function connectionLimit(
  wanted: number,
  openFiles = openFilesLimit(),
): { readonly connections: number; readonly warning?: string } {
  const { connections } = socketLimits(openFiles);
  if (connections >= wanted) return { connections: wanted };
  const warning =
    `NOTIFIER_MAX_CONNECTIONS is lowered from ${wanted} to ${connections}: this process may open ${openFiles} files, ` +
    `${OWN_DESCRIPTORS + SPARE_SOCKETS} of which are kept free; raise that limit (ulimit -n, LimitNOFILE=), or set a lower number`;
  return { connections, warning };
}

/** @param openFiles the process's limit of open files */
export function socketLimits(openFiles = openFilesLimit()): SocketLimits {
  const sockets = Math.max(2, openFiles - OWN_DESCRIPTORS);
  return { sockets, connections: Math.max(1, sockets - SPARE_SOCKETS) };
}

/** Node has no call for it. Where there is no procfs the limit is taken for none. */
function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
