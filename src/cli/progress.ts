/** How far long work has come: a bar on a terminal, plain lines otherwise. */

import cliProgress from 'cli-progress';

/** Seconds between two plain lines. */
const LINE_INTERVAL = 10;

export interface Progress {
  /** @param done of `total` @param detail what to show beside it */
  update(done: number, detail: string): void;
  /** Writes a line of its own, above the bar. */
  note(message: string): void;
  stop(): void;
}

/**
 * @param unit what is counted, for example `steps`
 */
export function createProgress(
  total: number,
  unit: string,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  return stream.isTTY ? bar(total, unit, stream) : lines(total, unit, stream);
}

function bar(total: number, unit: string, stream: NodeJS.WriteStream): Progress {
  const display = new cliProgress.SingleBar({
    stream,
    format: `{bar} {value}/{total} ${unit}  {detail}  {eta_formatted} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    etaBuffer: 200,
    hideCursor: true,
    linewrap: false,
  });
  display.start(total, 0, { detail: '' });
  return {
    update: (done, detail) => display.update(done, { detail }),
    note(message) {
      stream.write(`\r\u001b[K${message}\n`);
      display.render();
    },
    stop: () => display.stop(),
  };
}

function lines(total: number, unit: string, stream: NodeJS.WriteStream): Progress {
  let last = performance.now();
  return {
    update(done, detail) {
      const now = performance.now();
      if (done < total && now - last < LINE_INTERVAL * 1000) return;
      last = now;
      stream.write(`${`${done}/${total} ${unit}  ${detail}`.trimEnd()}\n`);
    },
    note: (message) => stream.write(`${message}\n`),
    stop: () => {},
  };
}
