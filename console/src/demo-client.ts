import { subscribe, type StatusReport, type Subscription } from '../../src/client/client.js';

/** Lines of a transcript that are kept, and characters of each: a frame may have 256 KiB. */
const MAX_LINES = 200;
const MAX_CHARACTERS = 2000;

/** One line of what went over the wire, or what became of it. */
export interface WireLine {
  readonly key: number;
  readonly kind: 'sent' | 'received' | 'note';
  readonly at: number;
  readonly text: string;
}

export interface DemoState {
  readonly status: 'new' | 'connecting' | 'open' | 'waiting' | 'closed';
  readonly lines: readonly WireLine[];
  readonly events: number;
  /** The id of the last event that it has handled: where it would resume. */
  readonly position: string | undefined;
  /** Whether the server has asked for another token, or for one at all. */
  readonly isRefused: boolean;
}

/**
 * A client as an app has it: the project's own library, over WebSockets that write down what they carry. It keeps its position when it
 * disconnects.
 */
export class DemoClient {
  state: DemoState = { status: 'new', lines: [], events: 0, position: undefined, isRefused: false };
  private subscription: Subscription | undefined;
  private readonly positions = new Map<string, string>();
  private lastKey = 0;

  constructor(private readonly onChange: () => void) {}

  /** Goes on where it was, or begins with all that the log holds. */
  connect(accessId: string, token: string): void {
    this.disconnect();
    this.change({ isRefused: false });
    const subscription = subscribe(
      'subscribe_to_events',
      {
        accessId,
        since: 0,
        storage: this.positions,
        storageKey: accessId,
        WebSocket: this.recorded(),
        ...(token !== '' && { token }),
        onStatus: (report) => this.subscription === subscription && this.hearStatus(report),
        onGap: () => this.note('events may be gone here (recovered: false)'),
      },
      ({ id }) => this.change({ events: this.state.events + 1, position: id }),
    );
    this.subscription = subscription;
  }

  disconnect(): void {
    const { subscription } = this;
    if (!subscription) return;
    this.subscription = undefined;
    subscription.close();
    this.note('disconnected by hand');
    this.change({ status: 'closed' });
  }

  /** Lets go of its position, and of what it has shown. */
  forget(): void {
    this.disconnect();
    this.positions.clear();
    this.change({ status: 'new', lines: [], events: 0, position: undefined, isRefused: false });
  }

  private hearStatus({ status, code, reason, retryInMs }: StatusReport): void {
    if (code !== undefined && status !== 'open') {
      const wait =
        status === 'waiting' ? `, connects again in ${((retryInMs ?? 0) / 1000).toFixed(1)} s` : '';
      this.note(`closed with ${code}${reason ? ` “${reason}”` : ''}${wait}`);
    }
    this.change({ status, isRefused: code === 4500 });
  }

  /** A WebSocket of this client's own that writes down what goes over it. */
  private recorded() {
    const add = (kind: WireLine['kind'], text: string) => this.add(kind, text);
    return class extends WebSocket {
      constructor(url: string) {
        super(url);
        this.addEventListener('message', ({ data }: MessageEvent<string>) => add('received', data));
      }

      override send(data: string): void {
        add('sent', data);
        super.send(data);
      }
    };
  }

  private note(text: string): void {
    this.add('note', text);
  }

  private add(kind: WireLine['kind'], text: string): void {
    const more = text.length - MAX_CHARACTERS;
    const shown = more > 0 ? `${text.slice(0, MAX_CHARACTERS)}… and ${more} characters more` : text;
    const line = { key: ++this.lastKey, kind, at: Date.now(), text: shown };
    this.change({ lines: [...this.state.lines, line].slice(-MAX_LINES) });
  }

  private change(change: Partial<DemoState>): void {
    this.state = { ...this.state, ...change };
    this.onChange();
  }
}
