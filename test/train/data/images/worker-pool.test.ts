import { describe, expect, it } from 'vitest';
import { createWorkerPool, JobLost } from '../../../../src/train/data/images/worker-pool.js';

/** A thread that answers a number with its double, and does what it is told otherwise. */
const SCRIPT = `
  import { parentPort, threadId } from 'node:worker_threads';
  parentPort.on('message', async (job) => {
    if (job === 'hang') for (;;);
    if (job === 'exit') process.exit(3);
    if (job === 'throw') throw new Error('no');
    if (job === 'fill') { const all = []; for (;;) all.push({ all }); }
    if (job === 'id') { await new Promise((done) => setTimeout(done, 20)); parentPort.postMessage(threadId); return; }
    parentPort.postMessage(job * 2);
  });
`;

function pool(size: number, timeLimit = 5000) {
  const { run, close } = createWorkerPool({
    script: new URL(`data:text/javascript,${encodeURIComponent(SCRIPT)}`),
    size,
    heapLimit: 16,
  });
  return { run: (job: unknown) => run(job, timeLimit), close };
}

describe('a worker pool', () => {
  it('does more jobs than it has threads, and no more at once', async () => {
    const { run, close } = pool(2);
    expect(await Promise.all([1, 2, 3, 4, 5].map(run))).toEqual([2, 4, 6, 8, 10]);
    expect(new Set(await Promise.all(['id', 'id', 'id', 'id', 'id'].map(run))).size).toBe(2);
    await close(new Error('done'));
  });

  it.each([
    ['throw', /^it fails \(no\)$/],
    ['exit', /^its thread ended$/],
    ['fill', /^it takes too much memory$/],
    ['hang', /^it takes more than 1 s$/],
  ])('loses the job %s, and none of the others', async (job, message) => {
    const { run, close } = pool(1, 1000);
    const [lost, done, more] = await Promise.allSettled([run(job), run(1), run(2)]);
    expect(lost).toMatchObject({ status: 'rejected' });
    const { reason } = lost as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(JobLost);
    expect((reason as Error).message).toMatch(message);
    expect([done, more]).toEqual([
      { status: 'fulfilled', value: 2 },
      { status: 'fulfilled', value: 4 },
    ]);
    await close(new Error('done'));
  });

  it('fails what is running and waiting when it is closed', async () => {
    const { run, close } = pool(1);
    const jobs = Promise.allSettled([run('hang'), run(1)]);
    const reason = new Error('interrupted');
    await close(reason);
    expect(await jobs).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    await expect(run(1)).rejects.toBe(reason);
  });
});
