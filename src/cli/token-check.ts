import { compactVerify } from 'jose';
import { isExpiry, Tokens, type TokenRules } from '../auth/tokens.js';
import type { TokenKeys } from '../auth/token-keys.js';
import { warnBy } from '../log.js';
import { NotAdmittedError } from '../notifier/authenticator.js';
import { accessIdFault } from '../notifier/event.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { printable, remark, say, span } from './terminal.js';
import { authenticationOf, type TokenOptions } from './token-options.js';

type Members = Readonly<Record<string, unknown>>;

interface Parts {
  readonly header: Members;
  readonly claims: Members;
}

/** Says of a token everything that keeps this server from taking it. @throws Failure where there is something */
export async function checkToken(
  token: string,
  options: TokenOptions & { accessId?: string },
): Promise<void> {
  warnBy(remark);
  const { keys: openKeys, rules } = authenticationOf(options);
  const keys = openKeys();
  try {
    const faults = await faultsOf(token, keys, rules, options.accessId);
    if (faults.length > 0) throw wrong(faults);
    const claims = partOf(token, 1) as Members;
    const user = printable(String(claims[rules.claim]));
    await say(`right: for ${user}, for another ${span(Number(claims['exp']) * 1000 - Date.now())}`);
  } finally {
    keys.close();
  }
}

function wrong(faults: readonly string[]): Failure {
  const hint = 'the server answers such a token with 4500, or with 4005 where only its time is over';
  return new Failure(EXIT.no, `not right: ${faults.join('; ')}`, hint);
}

async function faultsOf(
  token: string,
  keys: TokenKeys,
  rules: TokenRules,
  accessId: string | undefined,
): Promise<string[]> {
  const parts = partsOf(token);
  if (typeof parts === 'string') return [parts];
  const now = Date.now() / 1000;
  const faults = [
    algorithmFault(parts.header, keys) ?? (await signatureFault(token, keys)),
    ...timeFaults(parts.claims, rules.toleranceMs / 1000, now),
    claimFault(parts.claims, 'iss', rules.issuer),
    claimFault(parts.claims, 'aud', rules.audience),
    userFault(parts.claims, rules.claim, accessId),
  ].filter((fault) => fault !== undefined);
  return faults.length > 0 ? faults : serversFaults(token, keys, rules);
}

function partsOf(token: string): Parts | string {
  const count = token.split('.').length;
  if (count !== 3) return `a token has three parts with dots between them, and this has ${count}`;
  const header = partOf(token, 0);
  const claims = partOf(token, 1);
  if (!header) return 'its first part is not a JSON object in base64url';
  if (!claims) return 'its second part is not a JSON object in base64url';
  return { header, claims };
}

function partOf(token: string, index: number): Members | undefined {
  try {
    const part: unknown = JSON.parse(Buffer.from(token.split('.')[index]!, 'base64url').toString());
    return typeof part === 'object' && part !== null && !Array.isArray(part) ? (part as Members) : undefined;
  } catch {
    return undefined;
  }
}

function algorithmFault({ alg }: Members, { algorithms }: TokenKeys): string | undefined {
  if (algorithms.includes(String(alg))) return undefined;
  return `it is signed with ${shown(alg)}, and the key that is configured goes with ${algorithms.join(' or ')}`;
}

async function signatureFault(token: string, keys: TokenKeys): Promise<string | undefined> {
  try {
    // What is asked for is the signature alone: the claims are looked at one by one.
    await keys.verify(async (key) => {
      const { protectedHeader } = await compactVerify(token, key as Parameters<typeof compactVerify>[1]);
      return { payload: {}, protectedHeader };
    });
    return undefined;
  } catch (error) {
    const { name } = error as Error;
    if (name === 'KeySetUnavailableError') return 'its key is not known, and the JWKS cannot be fetched';
    if (name === 'JWKSNoMatchingKey') return 'no key of the JWKS has its kid';
    return 'its signature is of another key, or it was changed';
  }
}

function timeFaults({ exp, nbf }: Members, tolerance: number, now: number): (string | undefined)[] {
  return [expiryFault(exp, tolerance, now), beginningFault(nbf, tolerance, now)];
}

function expiryFault(exp: unknown, tolerance: number, now: number): string | undefined {
  if (exp === undefined) return 'it has no exp';
  if (!isExpiry(exp)) return `its exp is ${shown(exp)}, and must be a number of seconds`;
  if (exp + tolerance > now) return undefined;
  return `it expired ${span((now - exp) * 1000)} ago, at ${timeOf(exp)}`;
}

function beginningFault(nbf: unknown, tolerance: number, now: number): string | undefined {
  if (nbf === undefined) return undefined;
  if (typeof nbf !== 'number') return `its nbf is not a number of seconds: ${shown(nbf)}`;
  if (nbf <= now + tolerance) return undefined;
  return `it begins to count in ${span((nbf - now) * 1000)}, at ${timeOf(nbf)}`;
}

function timeOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

function claimFault(claims: Members, name: string, wanted: string | undefined): string | undefined {
  if (wanted === undefined || [claims[name]].flat().includes(wanted)) return undefined;
  if (claims[name] === undefined) return `it has no ${name}, which must be ${wanted}`;
  return `its ${name} is ${shown(claims[name])}, and must be ${wanted}`;
}

function userFault(claims: Members, claim: string, accessId: string | undefined): string | undefined {
  const user = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (user === undefined) return `it has no ${claim}, which names the user`;
  if (typeof user !== 'string') return `its ${claim} is not a string: ${shown(user)}`;
  const fault = accessIdFault(user);
  if (fault !== undefined) return `its ${claim} is ${shown(user)}, and ${fault}`;
  if (accessId === undefined || accessId === user) return undefined;
  return `its ${claim} is ${shown(user)}, and not ${shown(accessId)}`;
}

/** The server's own word, should it be stricter than what is said above. */
async function serversFaults(token: string, keys: TokenKeys, rules: TokenRules): Promise<string[]> {
  try {
    await new Tokens(keys, rules).verify(token);
    return [];
  } catch (error) {
    return [error instanceof NotAdmittedError ? error.message : String(error)];
  }
}

function shown(value: unknown): string {
  return printable(JSON.stringify(value) ?? 'missing');
}
