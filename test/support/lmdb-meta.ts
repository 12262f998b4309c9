import { join } from 'node:path';
import { open } from 'lmdb';
import { metaKey } from '../../src/storage/lmdb/keys.js';
import { decodeMeta, encodeMeta, type Meta } from '../../src/storage/lmdb/meta.js';

/** Changes what a folder's file says of itself, past everything that the program makes of it. */
export async function changeMeta(dir: string, change: (meta: Meta) => Meta): Promise<void> {
  const db = open<Buffer, Buffer>({
    path: join(dir, 'notifier.mdb'),
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
  await db.put(metaKey, encodeMeta(change(decodeMeta(db.get(metaKey)!))));
  await db.close();
}

/** Lets the owner look gone, as one does that runs in another container. */
export function hideOwner(dir: string): Promise<void> {
  return changeMeta(dir, (meta) => ({ ...meta, owner: { ...meta.owner!, startedAt: 'another' } }));
}
