import type { CloseReason } from '../notifier/close.js';

/** The WebSocket close code of every reason. `docs/protocol.md`, section 8; a test holds the two together. */
export const CLOSE_CODES: Readonly<Record<CloseReason, number>> = {
  'text frames only': 1003,
  'internal error': 1011,
  restarting: 1012,
  'try again later': 1013,
  'no subscription': 4002,
  'token expired': 4005,
  'fell behind': 4008,
  'too many messages': 4013,
  unauthorized: 4500,
  'invalid subscription': 4501,
  dropped: 4503,
  replaced: 4504,
};
