import { isIP } from 'node:net';
import type { ApiKey } from '../auth/api-keys.js';
import { trustedProxies, type TrustedProxies } from '../wire/peer-addresses.js';
import { readApiKeys } from './api-keys.js';
import { isLoopback, type Reader } from './reader.js';
import { settingOf } from './setting-of.js';
import { readSubscribers, type SubscriberAuthentication } from './subscribers.js';

/** Who may come in, and from where. */
export interface Access {
  readonly host: string;
  /** Whether the server is open and bound to loopback, so that only requests which name loopback are answered. */
  readonly isLoopbackOnly: boolean;
  readonly subscribers: SubscriberAuthentication;
  /** The connectors' keys; empty where everyone may push. */
  readonly apiKeys: readonly ApiKey[];
  /** What each key, or each address where there are no keys, may push; `undefined`: any rate. */
  readonly eventsPerSecond: number | undefined;
  /** Origins whose pages may connect; `*` for any; empty for the same host only. */
  readonly allowedOrigins: readonly string[];
  /** Whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: TrustedProxies | undefined;
}

/** What the warning about a server that is open, and therefore nobody else's, begins with. */
export const LOOPBACK_ONLY = 'listening on this machine only';

/** What nothing restricts. */
interface Open {
  readonly subscribe: boolean;
  readonly push: boolean;
}

export function readAccess(reader: Reader): Access {
  const subscribers = readSubscribers(reader);
  const apiKeys = readApiKeys(reader);
  const isMeantOpen = reader.oneOf('NOTIFIER_AUTH', ['none'] as const, undefined) === 'none';
  const open: Open = { subscribe: subscribers.by === 'nothing', push: !reader.isSet('NOTIFIER_API_KEYS') };
  const isOpen = open.subscribe || open.push;
  const isLoopbackOnly = isOpen && !isMeantOpen;
  const host = withoutBrackets(reader.text('HOST', isLoopbackOnly ? '127.0.0.1' : '0.0.0.0'));
  if (!isIP(host) && /[:/]/.test(host)) {
    reader.mistake(`${settingOf('HOST', host)} must be an address or a name alone: PORT says which port`);
  } else if (isLoopbackOnly) limitToLoopback(reader, host, open);
  else if (isOpen && !isLoopback(host)) {
    reader.warn(`NOTIFIER_AUTH=none: everyone who reaches ${settingOf('HOST', host)} may ${verbs(open)}`);
  }
  return {
    host,
    isLoopbackOnly,
    subscribers,
    apiKeys,
    eventsPerSecond: reader.integer('NOTIFIER_RATE_LIMIT', undefined, 1, 1_000_000_000),
    allowedOrigins: readOrigins(reader, subscribers),
    trustedProxies: readTrustedProxies(reader),
  };
}

/** An IPv6 address as URLs have it. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function limitToLoopback(reader: Reader, host: string, open: Open): void {
  const settings = [
    ...(open.subscribe ? ['NOTIFIER_JWT_… or NOTIFIER_AUTH_URL'] : []),
    ...(open.push ? ['NOTIFIER_API_KEYS'] : []),
  ].join(' and ');
  const remedy = `nothing says who may ${verbs(open)}: set ${settings}, or NOTIFIER_AUTH=none if it is meant to be open`;
  if (isLoopback(host)) reader.warn(`${LOOPBACK_ONLY}: ${remedy}`);
  else reader.mistake(`${settingOf('HOST', host)} is not a loopback address, and ${remedy}`);
}

function verbs({ subscribe, push }: Open): string {
  return [...(subscribe ? ['subscribe'] : []), ...(push ? ['push'] : [])].join(' and ');
}

function readOrigins(reader: Reader, subscribers: SubscriberAuthentication): readonly string[] {
  const name = 'NOTIFIER_ALLOWED_ORIGINS';
  const origins = reader.list(name);
  for (const origin of origins) {
    if (origin !== '*' && !isOrigin(origin)) {
      const fault = isOrigin(origin.replace(/\/$/, '')) ? ' without a slash at the end,' : '';
      reader.mistake(`${name} must list origins${fault} such as https://app.example.com, or *`);
    }
  }
  if (origins.includes('*') && subscribers.by !== 'nothing') {
    reader.warn(
      `${name}=* lets pages of any site connect with a token they got hold of: list the origins of your own`,
    );
  }
  return origins;
}

/**
 * Origins are compared whole: a pattern would be a host that no page has. Pages that an app or an extension brings along have a scheme of its own
 * (`capacitor://localhost`, `chrome-extension://…`), for which `URL` knows no origin.
 */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text) || text.includes('*')) return false;
  const { origin, protocol, host } = new URL(text);
  return text === (origin === 'null' && host !== '' ? `${protocol}//${host}` : origin);
}

function readTrustedProxies(reader: Reader): TrustedProxies | undefined {
  const name = 'NOTIFIER_TRUST_PROXY';
  const text = reader.text(name, undefined);
  if (text === undefined) return undefined;
  if (text === 'true') {
    reader.warn(
      `${name}=true: whoever connects may claim any address, unless the proxy in front overwrites X-Forwarded-For; name the proxies: addresses, networks, or their number`,
    );
  }
  try {
    return trustedProxies(text);
  } catch {
    reader.mistake(
      `${name} must be true, false, a number of hops, or addresses and networks such as 10.0.0.0/8, loopback`,
    );
    return undefined;
  }
}
