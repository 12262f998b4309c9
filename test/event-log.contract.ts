import { afterEach, describe } from '@jest/globals';
import { describeAnyText } from './event-log/any-text.contract.js';
import { describeAppend } from './event-log/append.contract.js';
import { describeBounds } from './event-log/bounds.contract.js';
import { describeForgetting } from './event-log/forgetting.contract.js';
import { ALL_CAPABILITIES } from './event-log/harness.js';
import type { Capabilities, EventLogHarness, OpenEventLog, Suite } from './event-log/harness.js';
import { describeIdempotency } from './event-log/idempotency.contract.js';
import { describeModel } from './event-log/model.contract.js';
import { describeReading } from './event-log/reading.contract.js';
import { describeRestart } from './event-log/restart.contract.js';
import { describeTotalBytes } from './event-log/total-bytes.contract.js';

/**
 * The one suite that every `EventLog` must pass.
 *
 * @param name the store's, for the report
 * @param open opens an empty store
 * @param capabilities what the store cannot be asked for; all where absent
 */
export function describeEventLog(
  name: string,
  open: OpenEventLog,
  capabilities: Partial<Capabilities> = {},
): void {
  describe(`${name}, as an event log`, () => {
    const opened: EventLogHarness[] = [];
    const suite: Suite = {
      can: { ...ALL_CAPABILITIES, ...capabilities },
      open: async (bounds, clock) => {
        const harness = await open(bounds, clock);
        opened.push(harness);
        return harness;
      },
    };
    afterEach(async () => {
      for (const harness of opened.splice(0)) await harness.close();
    });
    describeAppend(suite);
    describeIdempotency(suite);
    describeReading(suite);
    describeBounds(suite);
    describeTotalBytes(suite);
    describeForgetting(suite);
    describeAnyText(suite);
    describeRestart(suite);
    describeModel(suite);
  });
}
