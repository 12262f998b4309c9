import { BadRequestException } from '@nestjs/common';

export type Query = Readonly<Record<string, string | undefined>>;

/**
 * The parameters of a URL. Strict where the usual parsers are not: bytes that are no UTF-8 would all become U+FFFD, and two ids one user.
 *
 * @param known names that may be told
 * @throws BadRequestException where it is no UTF-8, or something stands twice
 */
export function readQuery(url: string, known: readonly string[]): Query {
  const query: Record<string, string> = Object.create(null) as Record<string, string>;
  const start = url.indexOf('?');
  const pairs = start < 0 ? [] : url.slice(start + 1).split('&');
  for (const pair of pairs.filter(Boolean)) {
    const [name, value] = splitPair(pair).map(decode) as [string, string];
    if (name in query) {
      const told = known.includes(name) ? name : 'a parameter';
      throw new BadRequestException(`${told} must not stand twice in the query`);
    }
    query[name] = value;
  }
  return query;
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

/** As a form of a page encodes it: `+` is a space. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new BadRequestException('the query must be UTF-8, percent-encoded');
  }
}
