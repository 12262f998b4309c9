import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEventLog } from '../../test/event-log.contract.js';
import { DEFAULT_BOUNDS, type EventLogHarness, type OpenEventLog } from '../../test/event-log/harness.js';
import { LmdbEventLog, type LmdbOptions } from './lmdb-event-log.js';

describeEventLog('LmdbEventLog', inFolder('full'), { histories: 60 });
describeEventLog('LmdbEventLog that does not wait for the disk', inFolder('process'), { histories: 60 });
// Of a few commits: nearly always, one part of what is read stands in the tree and two are on their way there.
describeEventLog('LmdbEventLog with a short journal', inFolder('process', 2000), { histories: 60 });

function inFolder(sync: LmdbOptions['sync'], journalBytes?: number): OpenEventLog {
  return async (overrides, systemClock): Promise<EventLogHarness> => {
    const dir = await mkdtemp(join(tmpdir(), 'notifier-lmdb-'));
    const bounds = { ...DEFAULT_BOUNDS, ...overrides };
    const open = () =>
      LmdbEventLog.open({
        dir,
        sync,
        bounds,
        ...(systemClock && { systemClock }),
        ...(journalBytes && { journalBytes }),
      });
    let log = open();
    return {
      log,
      reopen: async () => {
        await log.close();
        return (log = open());
      },
      close: async () => {
        await log.close();
        await rm(dir, { recursive: true, force: true });
      },
    };
  };
}
