import { Injectable } from '@nestjs/common';

/** Bodies that are being received at the same time may take this much together, over HTTP and the push WebSocket. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What of bodies has been received that are not whole yet: memory that whoever may connect can ask for. */
@Injectable()
export class BodiesInTheMaking {
  private bytes = 0;

  get areTooMany(): boolean {
    return this.bytes > MAX_BYTES;
  }

  /** Counts bytes that have come, until they are given back. */
  take(bytes: number): void {
    this.bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.bytes -= bytes;
  }
}
