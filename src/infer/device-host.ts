/**
 * A generator on a GPU, in a process of its own. Drivers crash where they should report (a model too large for the
 * GPU's memory can end in a segmentation fault), and their libraries write what they found on stderr: here the one
 * becomes an error like any other, and the other its reason.
 */

import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { InvalidModelError } from '../onnx/index.js';
import { deviceError } from './devices.js';
import type { LoadedModel } from './generator.js';
import type { SessionRequest } from './node-session.js';

export type DeviceRequest =
  | { kind: 'load'; session: SessionRequest }
  | { kind: 'run'; latents: Float32Array };

export type DeviceAnswer =
  | { kind: 'loaded'; wholly: boolean }
  | { kind: 'images'; images: Float32Array }
  | { kind: 'invalid'; message: string }
  | { kind: 'failed'; message: string };

interface Waiting {
  resolve(answer: DeviceAnswer): void;
  reject(error: Error): void;
}

/** Characters of stderr that are kept. */
const LOG_LENGTH = 2 ** 16;

class DeviceHost {
  private readonly child: ChildProcess;
  /** Requests without an answer, in order. */
  private readonly waiting: Waiting[] = [];
  private log = '';
  private loaded = false;
  /** What the device did, when that is why its process ended. */
  private failure: string | undefined;
  /** Why there are no more answers, once that is so. */
  private end: Error | undefined;
  private readonly closed: Promise<void>;

  constructor(private readonly session: SessionRequest) {
    const path = fileURLToPath(new URL('./device-process.js', import.meta.url));
    this.child = fork(path, {
      stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      execArgv: [],
    });
    this.child.stderr!.on('data', (chunk) => {
      this.log = `${this.log}${chunk}`.slice(-LOG_LENGTH);
    });
    // The process may end before it has read all.
    this.child.stdin!.on('error', () => {});
    this.child.on('message', (answer: DeviceAnswer) => this.take(answer));
    this.closed = new Promise((resolve) => {
      const closed = (why: string): void => {
        this.close(why);
        resolve();
      };
      this.child.on('error', (error) => closed(error.message));
      this.child.on('close', (code, signal) => closed(`its process ended with ${signal ?? `code ${code}`}`));
    });
  }

  private take(answer: DeviceAnswer): void {
    if (answer.kind === 'failed') {
      // Once it is closed, all that it wrote on stderr is here.
      void this.stop(answer.message);
      return;
    }
    const { resolve, reject } = this.waiting.shift()!;
    if (answer.kind === 'invalid') reject(new InvalidModelError(answer.message));
    else resolve(answer);
    this.keepAlive(this.waiting.length > 0);
  }

  private close(why: string): void {
    const { device } = this.session;
    const failure = { message: this.failure ?? why, log: this.log };
    this.end ??= deviceError(device, failure, this.loaded ? 'running' : 'loading');
    for (const { reject } of this.waiting.splice(0)) reject(this.end);
  }

  /** Whether Node waits for the process; one that has nothing to do must not keep it from ending. */
  private keepAlive(wanted: boolean): void {
    for (const handle of [this.child, this.child.channel, this.child.stderr as Socket]) {
      if (wanted) handle?.ref();
      else handle?.unref();
    }
  }

  private ask(request: DeviceRequest): Promise<DeviceAnswer> {
    return new Promise((resolve, reject) => {
      if (this.end !== undefined) {
        reject(this.end);
        return;
      }
      this.waiting.push({ resolve, reject });
      this.keepAlive(true);
      // Whether it arrived shows in the answer, or in the end of the process.
      this.child.send(request, () => {});
    });
  }

  /** @returns whether every node of the model runs on the device */
  async load(bytes: Uint8Array): Promise<boolean> {
    this.child.stdin!.end(bytes);
    const answer = await this.ask({ kind: 'load', session: this.session });
    this.loaded = true;
    return answer.kind === 'loaded' && answer.wholly;
  }

  async run(latents: Float32Array): Promise<Float32Array> {
    const answer = await this.ask({ kind: 'run', latents });
    return (answer as Extract<DeviceAnswer, { kind: 'images' }>).images;
  }

  /**
   * Ends the process, and waits until it has.
   *
   * @param failure what the device did to deserve that; without it, the model was released
   */
  async stop(failure?: string): Promise<void> {
    if (failure === undefined) this.end ??= new Error('the generator was released');
    this.failure ??= failure;
    this.keepAlive(true);
    this.child.kill('SIGKILL');
    await this.closed;
  }
}

/**
 * Loads a generator on a device, in a process of its own that ends with `release()`, or with this one.
 *
 * @param reason why there
 * @param signal ends the process when it is aborted; its reason, a text, is then the reason of the error
 * @throws DeviceError when the device cannot be used; `run` too, when it is lost
 */
export async function hostModel(
  bytes: Uint8Array,
  session: SessionRequest,
  reason: string,
  signal?: AbortSignal,
): Promise<LoadedModel> {
  const host = new DeviceHost(session);
  signal?.addEventListener('abort', () => host.stop(String(signal.reason)));
  const wholly = await host.load(bytes);
  return {
    placement: { device: session.device, reason, wholly },
    run: (latents) => host.run(latents),
    release: () => host.stop(),
  };
}
