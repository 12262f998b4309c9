import { once } from 'node:events';
import { WebSocket } from 'ws';
import { causeOf } from '../cause.js';
import type { Config } from '../config.js';
import { urlOf } from './credentials.js';
import { ok, problem, warning, type Finding } from './finding.js';

const ANSWER_MS = 5000;

/** A `Date` header tells no more than the second, and the answer was on its way. */
const DATE_ERROR_MS = 2000;

/** Whoever the server asks, and this machine's clock against theirs. */
export async function checkPeers(config: Config): Promise<Finding[]> {
  const jwks = process.env['NOTIFIER_JWT_JWKS_URL'];
  const findings: Finding[] = [];
  if (jwks) findings.push(...(await checkJwks(jwks)));
  if (config.subscribers.by === 'asking') findings.push(...(await checkAuthUrl(config.subscribers.url.href)));
  return findings.length > 0 ? [...findings, ...checkOutgoingProxy()] : findings;
}

async function checkJwks(url: string): Promise<Finding[]> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS) });
    const { keys } = (await response.json()) as { keys?: unknown };
    const usable = Array.isArray(keys) ? keys.filter(signsTokens).length : 0;
    const keyFinding =
      response.status === 200 && usable > 0
        ? ok(`JWKS: ${usable} keys that sign tokens`)
        : problem(
            `JWKS: answers ${response.status}, with ${usable} keys that sign tokens`,
            'is NOTIFIER_JWT_JWKS_URL the address of a JWK set?',
          );
    return [keyFinding, checkClock('JWKS', response)];
  } catch (error) {
    return [
      problem(
        `JWKS: does not answer as it should (${causeOf(error)})`,
        'is NOTIFIER_JWT_JWKS_URL right, and may this machine reach it?',
      ),
    ];
  }
}

function signsTokens(key: { kty?: string; crv?: string; use?: string }): boolean {
  if (key.use !== undefined && key.use !== 'sig') return false;
  return key.kty === 'RSA' || key.crv === 'P-256' || key.crv === 'Ed25519';
}

/** A user and a token that nobody has: whoever answers must say no. */
async function checkAuthUrl(url: string): Promise<Finding[]> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ access_id: 'notifier-doctor', token: 'not-a-token', ip: '127.0.0.1' }),
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return [answerOfAuthUrl(response.status), checkClock('authentication', response)];
  } catch (error) {
    return [
      problem(
        `authentication: NOTIFIER_AUTH_URL does not answer (${causeOf(error)})`,
        'is it right, and may this machine reach it?',
      ),
    ];
  }
}

function answerOfAuthUrl(status: number): Finding {
  if (status === 401 || status === 403)
    return ok('authentication: NOTIFIER_AUTH_URL denies a token that is none');
  if (status >= 200 && status < 300) {
    return problem(
      `authentication: NOTIFIER_AUTH_URL allows a token that is none (${status})`,
      'it must answer 401 or 403 to those',
    );
  }
  return problem(`authentication: NOTIFIER_AUTH_URL answers ${status}`, 'it must answer 2xx, 401 or 403');
}

function checkClock(whose: string, { headers }: Response): Finding {
  const date = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(date))
    return warning(`clock: ${whose} does not say what time it is`, 'compare the clocks by hand');
  const differenceMs = Date.now() - date;
  if (Math.abs(differenceMs) <= DATE_ERROR_MS + 1000) return ok(`clock: as that of ${whose}`);
  const seconds = Math.round(differenceMs / 1000);
  return problem(
    `clock: ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} that of ${whose}`,
    'let NTP set both; NOTIFIER_JWT_TOLERANCE bridges a few seconds',
  );
}

function checkOutgoingProxy(): Finding[] {
  const name = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].find(
    (candidate) => process.env[candidate],
  );
  if (name === undefined) return [];
  return [
    warning(
      `proxies: ${name} is set, and the server connects without it`,
      'whoever it asks must be reachable directly',
    ),
  ];
}

/** A server that runs, by the way that clients take to it. */
export async function checkServer(url: string): Promise<Finding[]> {
  const findings = [await checkReadiness(urlOf({ url }, '/health/ready'))].flat();
  const isThere = findings.every(({ state }) => state === 'ok');
  return isThere ? [...findings, await checkUpgrade(urlOf({ url }, '/subscribe_to_events'))] : findings;
}

async function checkReadiness(url: URL): Promise<Finding[]> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (response.status !== 200) {
      return [problem(`server: ${url.origin} is not ready (${response.status})`, 'its log says why')];
    }
    return [ok(`server: ${url.origin} is ready`), checkClock('the server', response)];
  } catch (error) {
    return [
      problem(
        `server: ${url.origin} does not answer (${causeOf(error)})`,
        'is it running, and is the URL right?',
      ),
    ];
  }
}

async function checkUpgrade(url: URL): Promise<Finding> {
  const socket = new WebSocket(url, { handshakeTimeout: ANSWER_MS });
  try {
    await once(socket, 'open');
    return ok('server: WebSockets get through');
  } catch (error) {
    return problem(
      `server: WebSockets do not get through (${causeOf(error)})`,
      'let the proxy in front pass Upgrade and Connection on',
    );
  } finally {
    socket.on('error', () => undefined);
    socket.terminate();
  }
}
