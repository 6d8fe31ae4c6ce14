/** Runs the built command as a user does, and makes small datasets for it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * @param whenRunning called with the process and what it has printed on stderr so far
 * @param whenStarted called with the process once
 */
export function ganOnnx(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; main?: string } = {},
  whenRunning?: (child: ChildProcess, stderr: string) => void,
  whenStarted?: (child: ChildProcess) => void,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [options.main ?? MAIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  whenStarted?.(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    whenRunning?.(child, stderr);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gan-onnx-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An IDX file of unsigned bytes. */
export function idxFile(shape: readonly number[], data: Uint8Array, magic = 0x0800 + shape.length): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(magic, 0);
  for (const [i, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  return Buffer.concat([header, data]);
}

/** A folder with an MNIST-like training set: bright squares on black, at one of four places. */
export function idxFolder(count: number, size = 8): string {
  const folder = temporaryFolder();
  const images = new Uint8Array(count * size * size);
  for (let i = 0; i < count; i++) {
    const [x0, y0] = [(i & 1) * (size / 2), ((i >> 1) & 1) * (size / 2)];
    for (let y = 0; y < size / 2; y++) {
      images.fill(
        200 + (i % 50),
        i * size * size + (y0 + y) * size + x0,
        i * size * size + (y0 + y) * size + x0 + size / 2,
      );
    }
  }
  writeFileSync(join(folder, 'train-images-idx3-ubyte'), idxFile([count, size, size], images));
  writeFileSync(join(folder, 'train-labels-idx1-ubyte'), idxFile([count], new Uint8Array(count)));
  return folder;
}

/** Flags of a run that takes a second: `count` images of 8 x 8. */
export function smallRun(count = 200): string[] {
  const data = idxFolder(count);
  return [
    'train',
    '--dataset',
    'mnist',
    '--data-dir',
    data,
    '--img-size',
    '8',
    '--network',
    'mlp',
    '--latent-dim',
    '8',
  ];
}
