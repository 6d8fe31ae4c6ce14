/**
 * A few threads that do jobs, each one at a time. A thread that dies, runs out of memory or takes too long costs its job
 * and nothing else: a new one takes its place.
 */

import { Worker } from 'node:worker_threads';

/** Why a job has no result. */
export class JobLost extends Error {
  override readonly name = 'JobLost';
}

export interface PoolOptions {
  /** The threads' script: it answers each message with one. */
  script: URL;
  /** Threads, at least 1; they are started when there is work for them. */
  size: number;
  /** MiB of JavaScript objects (not of pixels) for a thread. */
  heapLimit: number;
}

export interface WorkerPool {
  /**
   * @param timeLimit milliseconds for the job, from the moment a thread takes it
   * @returns the thread's answer
   * @throws JobLost when the thread died or took too long; `reason` when the pool was closed
   */
  run(job: unknown, timeLimit: number): Promise<unknown>;
  /** Ends all threads; what they are doing, and what waits, fails with `reason`. */
  close(reason: unknown): Promise<void>;
}

interface Task {
  job: unknown;
  timeLimit: number;
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

export function createWorkerPool({ script, size, heapLimit }: PoolOptions): WorkerPool {
  const waiting: Task[] = [];
  const idle: Worker[] = [];
  const tasks = new Map<Worker, Task & { timer: NodeJS.Timeout }>();
  let closed: { reason: unknown } | undefined;

  function start(): Worker {
    const worker = new Worker(script, { resourceLimits: { maxOldGenerationSizeMb: heapLimit } });
    worker.on('message', (result) => {
      const task = take(worker);
      if (task === undefined) return;
      worker.unref();
      idle.push(worker);
      task.resolve(result);
      next();
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      lose(worker, isMemory ? 'it takes too much memory' : `it fails (${error.message})`);
    });
    worker.on('exit', () => lose(worker, 'its thread ended'));
    return worker;
  }

  /** Takes a thread's task away from it. */
  function take(worker: Worker): Task | undefined {
    const task = tasks.get(worker);
    tasks.delete(worker);
    clearTimeout(task?.timer);
    return task;
  }

  /** Ends a thread, and with it its task. */
  function lose(worker: Worker, why: string): void {
    const at = idle.indexOf(worker);
    if (at !== -1) idle.splice(at, 1);
    void worker.terminate();
    take(worker)?.reject(new JobLost(why));
    next();
  }

  function assign(worker: Worker, task: Task): void {
    const { timeLimit } = task;
    const tooLong = `it takes more than ${timeLimit / 1000} s`;
    tasks.set(worker, { ...task, timer: setTimeout(() => lose(worker, tooLong), timeLimit) });
    worker.ref();
    worker.postMessage(task.job);
  }

  function next(): void {
    while (closed === undefined && waiting.length > 0 && (idle.length > 0 || tasks.size < size)) {
      assign(idle.pop() ?? start(), waiting.shift()!);
    }
  }

  return {
    run(job, timeLimit) {
      if (closed !== undefined) return Promise.reject(closed.reason);
      return new Promise((resolve, reject) => {
        waiting.push({ job, timeLimit, resolve, reject });
        next();
      });
    },
    async close(reason) {
      closed ??= { reason };
      const workers = [...idle.splice(0), ...tasks.keys()];
      const lost = [...waiting.splice(0), ...workers.flatMap((worker) => take(worker) ?? [])];
      for (const { reject } of lost) reject(reason);
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
