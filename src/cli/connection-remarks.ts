import type { StatusReport } from '../client/client.js';
import { certificateHint } from './failure.js';
import { dim, printable, remark } from './terminal.js';

/** How the connection to a server is doing, on standard error. */
export class ConnectionRemarks {
  private wasOpen = false;
  private hasHinted = false;

  /** @param server its origin */
  constructor(private readonly server: string) {}

  readonly tell = (report: StatusReport): void => {
    const { status, transport, retryInMs } = report;
    if (status === 'open') say(`connected (${transport})`);
    if (status === 'waiting' && retryInMs !== undefined) {
      say(`${printable(this.why(report))}; again in ${(retryInMs / 1000).toFixed(1)} s`);
      this.hint(report);
    }
    this.wasOpen = status === 'open';
  };

  private why({ code, reason = '' }: StatusReport): string {
    const isWhole = code !== 1006 || reason.startsWith('no token: ');
    if (isWhole && reason !== '') return reason;
    const what = this.wasOpen ? 'the connection broke' : `cannot reach ${this.server}`;
    return reason === '' ? what : `${what} (${reason})`;
  }

  private hint({ reason = '' }: StatusReport): void {
    const hint = certificateHint(reason);
    if (hint === undefined || this.hasHinted) return;
    this.hasHinted = true;
    say(`  ${hint}`);
  }
}

function say(text: string): void {
  remark(dim(text, process.stderr));
}
