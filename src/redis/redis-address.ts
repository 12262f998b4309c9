/** How to get to Redis: one server, the one that Sentinels name, or the nodes of a Redis Cluster. */
export interface RedisAddress {
  readonly kind: 'server' | 'sentinel' | 'cluster';
  /** The server, the Sentinels, or some nodes of the cluster; at least one. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** The name under which the Sentinels know the master; empty where there are none. */
  readonly name: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly usesTls: boolean;
  /** What the Sentinels themselves want to be shown; absent where they want nothing. */
  readonly sentinels?: { readonly username: string | undefined; readonly password: string };
}

const FORM = /^(redis|rediss|redis\+sentinel):\/\/(?:([^@/]*)@)?([^/@]+)((?:\/[^/]*)*)$/;
const NODE = /^(\[[0-9a-fA-F:]+\]|[^:[\]\s?#]+)(?::(\d{1,5}))?$/;

/**
 * Reads `redis://user:password@host:port/database`, `rediss://…` (TLS), several comma-separated nodes of a Redis Cluster
 * (`redis://a:6379,b:6379`; the scheme may be repeated), or `redis+sentinel://a:26379,b:26379/NAME`.
 *
 * @returns `undefined` where `text` is none of these
 */
export function parseRedisAddress(text: string): RedisAddress | undefined {
  const [, scheme, credentials, hosts, path = ''] = FORM.exec(text.replace(/,rediss?:\/\//g, ',')) ?? [];
  if (!scheme || !hosts) return undefined;
  const isSentinel = scheme === 'redis+sentinel';
  const nodes = hosts.split(',').map((node) => parseNode(node, isSentinel ? 26_379 : 6379));
  const segments = path.split('/').slice(1);
  const name = isSentinel ? segments.shift() : '';
  const database = parseDatabase(segments.shift());
  const isComplete = nodes.every((node) => node !== undefined) && name !== undefined;
  if (!isComplete || segments.length > 0 || !Number.isInteger(database) || (isSentinel && name === '')) {
    return undefined;
  }
  const kind = isSentinel ? 'sentinel' : nodes.length > 1 ? 'cluster' : 'server';
  if (kind === 'cluster' && database !== 0) return undefined;
  return { kind, nodes, name, database, usesTls: scheme === 'rediss', ...parseCredentials(credentials) };
}

function parseNode(text: string, defaultPort: number) {
  const [, host, port] = NODE.exec(text) ?? [];
  if (!host || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? defaultPort : Number(port) };
}

/** NaN where it is no number of a database: `-1` would be asked of Redis for ever. */
function parseDatabase(text = ''): number {
  return /^\d{0,9}$/.test(text) ? Number(text) : NaN;
}

function parseCredentials(text = '') {
  const colon = text.indexOf(':');
  const [user, secret] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  return { username: decode(user) || undefined, password: decode(secret) || undefined };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address without its secrets, for people. */
export function describeAddress({ nodes, name }: RedisAddress): string {
  const list = nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  return name === '' ? list : `${list}/${name}`;
}
