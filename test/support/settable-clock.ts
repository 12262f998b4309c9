const CLOCK = `
  const Real = Date;
  const offsets = [0, 3600000, 0, -3600000];
  let jumps = 0;
  const now = () => Real.now() + offsets[jumps % 4];
  globalThis.Date = class Date extends Real {
    constructor(...args) {
      if (args.length === 0) super(now());
      else super(...args);
    }
    static now() {
      return now();
    }
  };
  process.on('SIGUSR2', () => jumps++);
`;

/**
 * `NODE_OPTIONS` of a process whose clock jumps with every `JUMP`: one hour ahead, back, one hour behind, back. Timers and
 * `performance.now()` go on as ever, as they do when a machine's clock is set.
 */
export const SETTABLE_CLOCK = `--import=data:text/javascript,${encodeURIComponent(CLOCK)}`;

export const JUMP = 'SIGUSR2';
