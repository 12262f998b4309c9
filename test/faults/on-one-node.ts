import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployment } from './fault.js';
import { nodeFaults, startNodes } from './node-faults.js';

/** One node on its embedded store. */
export async function onOneNode(): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), 'notifier-faults-'));
  const nodes = await startNodes([{ NOTIFIER_STORE: 'lmdb', NOTIFIER_DATA_DIR: folder }]);
  return {
    nodes,
    isAtomic: true,
    faults: nodeFaults(nodes),
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
