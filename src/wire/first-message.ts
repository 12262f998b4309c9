import { ValidateIf } from 'class-validator';
import type { Form } from '../notifier/connection.js';
import { accessIdFault, timestampFault } from '../notifier/event.js';
import type { SubscribeRequest } from '../notifier/subscription.service.js';
import { firstFault, IsAccessId, IsString, IsTimestamp, otherSpelling } from './members.js';

/**
 * What a client says first. It describes the message and words the error; the check that every message passes is by hand, as for pushes: a storm of
 * clients that come back would spend a tenth of its time in class-validator.
 */
export class FirstMessage {
  @IsAccessId()
  readonly access_id: unknown;

  @ValidateIf((message: FirstMessage) => message.form === 'plain' || message.timestamp !== undefined)
  @IsTimestamp()
  readonly timestamp: unknown;

  @ValidateIf((message: FirstMessage) => message.token !== undefined)
  @IsString()
  readonly token: unknown;

  @ValidateIf((message: FirstMessage) => message.last_event_id != null)
  @IsString()
  readonly last_event_id: unknown;

  constructor(members: Readonly<Record<string, unknown>>) {
    this.access_id = members['access_id'];
    this.timestamp = members['timestamp'];
    this.token = members['token'];
    this.last_event_id = members['last_event_id'];
  }

  /** The presence of `last_event_id` asks for the resumable form. */
  get form(): Form {
    return this.last_event_id === undefined ? 'plain' : 'resumable';
  }

  /** Whether the rules above find nothing wrong. */
  get isValid(): boolean {
    const { access_id, timestamp, token, last_event_id } = this;
    const needsNoTimestamp = last_event_id !== undefined && timestamp === undefined;
    return (
      accessIdFault(access_id) === undefined &&
      (needsNoTimestamp || timestampFault(timestamp) === undefined) &&
      (token === undefined || typeof token === 'string') &&
      (last_event_id == null || typeof last_event_id === 'string')
    );
  }
}

/** A first message that asks for nothing this server can give. Its text is for the client. */
export class InvalidSubscriptionError extends Error {
  override readonly name = 'InvalidSubscriptionError';
}

/** What a connection has shown before its first message, and what that says. */
export interface Handshake {
  readonly token: string | undefined;
  /** The user that a token claims to be for, where the first message names none. May throw NotAdmittedError. */
  claimedUser(token: string | undefined): string | undefined;
}

/** What a client asks for, and in which of the two forms. */
export interface Subscribing {
  readonly request: SubscribeRequest;
  readonly form: Form;
}

/**
 * What the first message asks for.
 *
 * @throws InvalidSubscriptionError naming the member and what is wrong with it
 */
export function readFirstMessage(text: string, handshake: Handshake): Subscribing {
  const members = parse(text);
  if (typeof members !== 'object' || members === null || Array.isArray(members)) {
    throw new InvalidSubscriptionError('the first message must be a JSON object');
  }
  return readSubscription(members as Record<string, unknown>, handshake);
}

/**
 * What the members of a first message ask for, wherever they stood.
 *
 * @throws InvalidSubscriptionError naming the member and what is wrong with it
 */
export function readSubscription(
  members: Readonly<Record<string, unknown>>,
  handshake: Handshake,
): Subscribing {
  // Passed over like any other member, it would leave a client without the resume that it believes in.
  const spelling = otherSpelling(members, 'last_event_id');
  if (spelling !== undefined) {
    throw new InvalidSubscriptionError(`last_event_id is written ${spelling}`);
  }
  const message = new FirstMessage(withHandshake(members, handshake));
  if (!message.isValid) throw new InvalidSubscriptionError(firstFault(message, members));
  return { request: requestOf(message), form: message.form };
}

/** What the message leaves out the handshake may have said. */
function withHandshake(
  members: Readonly<Record<string, unknown>>,
  handshake: Handshake,
): Readonly<Record<string, unknown>> {
  const { access_id, token = handshake.token } = members;
  if (access_id !== undefined || (token !== undefined && typeof token !== 'string')) {
    return { ...members, token };
  }
  return { ...members, token, access_id: handshake.claimedUser(token) };
}

/** The token of a message that renews it; `undefined` for any other message. */
export function readRenewal(text: string): string | undefined {
  try {
    const message = JSON.parse(text) as { token?: unknown } | null;
    return typeof message?.token === 'string' ? message.token : undefined;
  } catch {
    return undefined;
  }
}

function requestOf(message: FirstMessage): SubscribeRequest {
  const { access_id, timestamp, token, last_event_id } = message;
  return {
    accessId: access_id as string,
    ...(timestamp !== undefined && { timestamp: timestamp as number }),
    ...(token !== undefined && { token: token as string }),
    ...(last_event_id !== undefined && { lastEventId: last_event_id as string | null }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidSubscriptionError('the first message must be valid JSON');
  }
}
