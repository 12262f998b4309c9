import type { Provider } from '@nestjs/common';
import { EventLog } from '../../src/notifier/event-log.js';
import type { AppendResult, LogExtent, LogListener, LogView } from '../../src/notifier/event-log.js';
import type { Page, Since } from '../../src/notifier/event-log.js';
import type { Push } from '../../src/notifier/event.js';
import type { Position } from '../../src/notifier/position.js';
import { onAppended } from './on-appended.js';

/** Where an operation of a log stands: before it, or with its result in hand. */
export type Point = 'append' | 'appended' | 'drop' | 'dropped' | 'view' | 'viewed' | 'read' | 'wasRead';

/** A real log with a test's hand on what goes in and out. */
export class WrappedLog extends EventLog {
  /** Awaited at every point. */
  at: (point: Point, accessId: string) => Promise<void> | void = () => undefined;
  /** Whether announcements get lost. */
  swallows = false;
  swallowed = 0;
  private listener: LogListener | undefined;

  constructor(private inner: EventLog) {
    super();
    this.listenTo(inner);
  }

  get provider(): Provider {
    return { provide: EventLog, useValue: this };
  }

  get name(): string {
    return this.inner.name;
  }

  /** Puts another log in its place, as if the store had lost its data. */
  async replace(inner: EventLog): Promise<void> {
    const { inner: lost } = this;
    this.inner = inner;
    this.listenTo(inner);
    await lost.close();
  }

  async append(push: Push): Promise<AppendResult> {
    const accessId = push.events[0]?.accessId ?? '';
    await this.at('append', accessId);
    const result = await this.inner.append(push);
    await this.at('appended', accessId);
    return result;
  }

  async drop(accessId: string): Promise<number> {
    await this.at('drop', accessId);
    const drops = await this.inner.drop(accessId);
    await this.at('dropped', accessId);
    return drops;
  }

  async view(accessId: string, seq: number): Promise<LogView> {
    await this.at('view', accessId);
    const view = await this.inner.view(accessId, seq);
    await this.at('viewed', accessId);
    return view;
  }

  async read(
    accessId: string,
    after: Position,
    maxBytes: number,
    since: Since | undefined,
  ): Promise<Page | undefined> {
    await this.at('read', accessId);
    const page = await this.inner.read(accessId, after, maxBytes, since);
    await this.at('wasRead', accessId);
    return page;
  }

  extent(accessId: string): Promise<LogExtent> {
    return this.inner.extent(accessId);
  }

  listen(listener: LogListener): void {
    this.listener = listener;
  }

  /** Has the cursors of a user compared with the log in the next turn, as if its announcements might not have come. */
  doubt(accessId: string): void {
    this.listener?.missed([accessId]);
  }

  isReady(): boolean {
    return this.inner.isReady();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private listenTo(inner: EventLog): void {
    inner.listen(
      onAppended((announcements) => {
        if (this.swallows) this.swallowed += announcements.length;
        else this.listener?.appended(announcements);
      }),
    );
  }
}
