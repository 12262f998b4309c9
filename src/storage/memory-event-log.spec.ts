import { describeEventLog } from '../../test/event-log.contract.js';
import { DEFAULT_BOUNDS } from '../../test/event-log/harness.js';
import { MemoryEventLog } from './memory-event-log.js';

describeEventLog('MemoryEventLog', (bounds, clock) => {
  const log = new MemoryEventLog({ ...DEFAULT_BOUNDS, ...bounds }, clock);
  return { log, close: () => log.close() };
});
