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
/** Of the list of free pages, and of the records. */
const ROOTS_AT = [88, 136];
const NO_ROOT = 2n ** 64n - 1n;
const IS_BRANCH = 0x01;
const IS_LEAF = 0x02;

/**
 * How far the pages in use go, in bytes, by the newer of the file's two meta pages; `undefined` where it has none.
 *
 * @param fd of LMDB's file
 */
export function usedBytes(fd: number): number | undefined {
  const meta = readNewerMeta(fd);
  return meta && (Number(meta.readBigUInt64LE(LAST_PAGE_AT)) + 1) * meta.readUInt32LE(PAGE_SIZE_AT);
}

/**
 * Whether a page of a tree stands wherever LMDB begins to read. From garbage there, it would be led out of the file.
 *
 * @param fd of a file that has all pages in use
 */
export function hasRoots(fd: number): boolean {
  const meta = readNewerMeta(fd)!;
  const pageSize = meta.readUInt32LE(PAGE_SIZE_AT);
  const last = meta.readBigUInt64LE(LAST_PAGE_AT);
  const roots = ROOTS_AT.map((at) => meta.readBigUInt64LE(at)).filter((root) => root !== NO_ROOT);
  return roots.every((root) => root <= last && isTreePage(readHead(fd, Number(root) * pageSize), root));
}

function isTreePage(page: Buffer, number: bigint): boolean {
  const flags = page.readUInt16LE(FLAGS_AT);
  return page.readBigUInt64LE() === number && (flags === IS_BRANCH || flags === IS_LEAF);
}

function readNewerMeta(fd: number): Buffer | undefined {
  const first = readMetaPage(fd, 0);
  const pageSize = first?.readUInt32LE(PAGE_SIZE_AT);
  const second = pageSize && readMetaPage(fd, pageSize);
  if (!first || !second) return undefined;
  return first.readBigUInt64LE(TXN_AT) > second.readBigUInt64LE(TXN_AT) ? first : second;
}

function readMetaPage(fd: number, at: number): Buffer | undefined {
  const page = readHead(fd, at);
  const isMeta = (page.readUInt16LE(FLAGS_AT) & IS_META) !== 0 && page.readUInt32LE(MAGIC_AT) === MAGIC;
  return isMeta ? page : undefined;
}

function readHead(fd: number, at: number): Buffer {
  const head = Buffer.alloc(META_BYTES);
  readSync(fd, head, 0, META_BYTES, at);
  return head;
}
