import { createHmac } from 'node:crypto';

/** A secret of the kind that a server is configured with. */
export const SECRET = 'a secret of at least thirty-two bytes';

/** An audience of the kind that a server is configured with. */
export const AUDIENCE = 'notifier';

type Members = Readonly<Record<string, unknown>>;

/** Unix seconds, `offset` from now. */
export function secondsFromNow(offset: number): number {
  return Math.floor(Date.now() / 1000) + offset;
}

/** A JWT by hand: libraries refuse to make most of what must be refused. */
export function token(
  claims: Members | string,
  header: Members = {},
  secret: string | Buffer = SECRET,
): string {
  const signed = `${part({ alg: 'HS256', typ: 'JWT', ...header })}.${part(claims)}`;
  const hash = header['alg'] === 'HS512' ? 'sha512' : 'sha256';
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

/** A token for a user that is right for an hour. */
export function tokenFor(user: string, claims: Members = {}): string {
  return token({ sub: user, exp: secondsFromNow(3600), ...claims });
}

/** The text of one part of a JWT. */
export function part(members: Members | string): string {
  const text = typeof members === 'string' ? members : JSON.stringify(members);
  return Buffer.from(text).toString('base64url');
}

/** How a hostile token differs from one that is right. */
export interface TokenFlaw {
  readonly alg?: string;
  /** Seconds from now; null: none. */
  readonly exp?: number | null;
  readonly aud?: string;
  readonly jku?: string;
  /** Whether it has a critical header that nobody knows. */
  readonly crit?: 1;
  /** Characters to cut off its signature. */
  readonly cut?: number;
  /** Characters of claims that nobody needs. */
  readonly pad?: number;
}

/** A token that is right but for its flaws. */
export function flawedToken({
  alg = 'HS256',
  exp = 3600,
  aud = AUDIENCE,
  jku,
  crit,
  cut = 0,
  pad,
}: TokenFlaw): string {
  const claims = {
    sub: 'bad-w',
    aud,
    ...(exp !== null && { exp: secondsFromNow(exp) }),
    ...(pad !== undefined && { pad: 'x'.repeat(pad) }),
  };
  const header = {
    alg,
    ...(jku !== undefined && { jku }),
    ...(crit && { crit: ['unheard-of'], 'unheard-of': 1 }),
  };
  const whole = token(claims, header);
  // Who signs nothing has no signature to show.
  if (alg === 'none') return whole.slice(0, whole.lastIndexOf('.') + 1);
  return whole.slice(0, whole.length - cut);
}
