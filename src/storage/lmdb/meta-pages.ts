import { readSync } from 'node:fs';

/** `MDB_page` and `MDB_meta` of LMDB's mdb.c on 64-bit machines: where the first two pages say what the file is. */
const META_BYTES = 160;
const FLAGS_AT = 18;
const IS_META = 0x08;
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;
const PAGE_SIZE_AT = 48;
const LAST_PAGE_AT = 144;
const TXN_AT = 152;

/**
 * How far the pages in use go, in bytes, by the newer of the file's two meta pages; `undefined` where it has none.
 *
 * @param fd of LMDB's file
 */
export function usedBytes(fd: number): number | undefined {
  const first = readMetaPage(fd, 0);
  const pageSize = first?.readUInt32LE(PAGE_SIZE_AT);
  const second = pageSize && readMetaPage(fd, pageSize);
  if (!first || !second) return undefined;
  const newer = first.readBigUInt64LE(TXN_AT) > second.readBigUInt64LE(TXN_AT) ? first : second;
  return (Number(newer.readBigUInt64LE(LAST_PAGE_AT)) + 1) * pageSize;
}

function readMetaPage(fd: number, at: number): Buffer | undefined {
  const page = Buffer.alloc(META_BYTES);
  readSync(fd, page, 0, META_BYTES, at);
  const isMeta = (page.readUInt16LE(FLAGS_AT) & IS_META) !== 0 && page.readUInt32LE(MAGIC_AT) === MAGIC;
  return isMeta ? page : undefined;
}
