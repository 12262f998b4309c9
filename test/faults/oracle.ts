import { ambiguousIds, disorder, foreign, torn } from './oracle/deliveries.js';
import { afterDrop } from './oracle/drops.js';
import { late } from './oracle/late.js';
import { missing } from './oracle/logs.js';
import { doubled, holes, lost, needless, passedOver } from './oracle/stretches.js';
import type { Recording } from './recording.js';

/** Whether what was recorded keeps the promises. Each line names one that is broken; none: all are kept. */
export function violations(recording: Recording): string[] {
  return [
    foreign,
    doubled,
    ambiguousIds,
    disorder,
    torn,
    holes,
    needless,
    lost,
    passedOver,
    missing,
    late,
    afterDrop,
  ].flatMap((rule) => rule(recording));
}
