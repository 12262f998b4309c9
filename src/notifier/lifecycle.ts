import { Injectable } from '@nestjs/common';

/** Where this server is on its way from start to stop. */
@Injectable()
export class Lifecycle {
  private phase: 'serving' | 'leaving' | 'ending' = 'serving';

  /** Balancers should send nobody here any more; whoever comes is served. */
  leave(): void {
    this.phase = 'leaving';
  }

  /** New pushes and subscriptions are refused. */
  end(): void {
    this.phase = 'ending';
  }

  get isServing(): boolean {
    return this.phase === 'serving';
  }

  get isEnding(): boolean {
    return this.phase === 'ending';
  }
}
