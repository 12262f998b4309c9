import { createHash } from 'node:crypto';

/** A script that a Redis server runs as one step. */
export class RedisScript {
  readonly sha: string;

  constructor(readonly source: string) {
    this.sha = createHash('sha1').update(source).digest('hex');
  }
}

/** What a server answers, its texts as bytes. */
export type Reply = number | Buffer | null | Reply[];
