import { Injectable, ServiceUnavailableException } from '@nestjs/common';
import { PushLimits } from './push-limits.js';

/**
 * Bodies that are being received or stored at the same time may take this much together, over HTTP and the push WebSocket; or as much as one of
 * them may, where that is more.
 */
const MAX_BYTES = 64 * 1024 * 1024;

/** What is held of bodies until what they ask for is done: memory that whoever may connect can ask for. */
@Injectable()
export class BodiesInTheMaking {
  private readonly maxBytes: number;
  private bytes = 0;

  constructor({ maxBodyBytes }: PushLimits) {
    this.maxBytes = Math.max(MAX_BYTES, maxBodyBytes);
  }

  get areTooMany(): boolean {
    return this.bytes > this.maxBytes;
  }

  /** Counts bytes that have come, until they are given back. */
  take(bytes: number): void {
    this.bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.bytes -= bytes;
  }

  /**
   * Counts a whole body until `work` with it is done: a store that is slow keeps what waits for it.
   *
   * @throws ServiceUnavailableException where too many bytes are in the making already
   */
  async during(bytes: number, work: () => Promise<void>): Promise<void> {
    this.take(bytes);
    try {
      if (this.areTooMany) throw tooManyBodies();
      await work();
    } finally {
      this.giveBack(bytes);
    }
  }
}

export function tooManyBodies(): ServiceUnavailableException {
  return new ServiceUnavailableException('too many requests are being received, try again later');
}
