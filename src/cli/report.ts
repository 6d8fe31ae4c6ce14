/** What the command prints when it fails, and its exit code. */

import { CommanderError } from 'commander';
import { UserError } from '../system/user-error.js';
import { InterruptedError } from './interrupt.js';

/** Exit codes: 1 for what went wrong, 2 for wrong usage. */
const EXIT = { failure: 1, usage: 2 } as const;

/** Ends a process whose error was told already, by another rank or by itself. */
export class ToldError extends Error {
  override readonly name = 'ToldError';

  constructor(readonly exitCode: number = EXIT.failure) {
    super('told already');
  }
}

/** Exit code of a command that fails so. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof InterruptedError || error instanceof ToldError) return error.exitCode;
  return EXIT.failure;
}

/** Says on stderr what went wrong, in one line, and gives the exit code. */
export function report(error: unknown): number {
  const code = exitCodeOf(error);
  // Commander has said its own.
  const isTold = [CommanderError, InterruptedError, ToldError].some((kind) => error instanceof kind);
  if (isTold) return code;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const known = error instanceof UserError;
  const line = known ? message : `unexpected error: ${message.split('\n', 1)[0]}`;
  const debug = process.env.GAN_ONNX_DEBUG !== undefined;
  const hint = known || debug ? '' : ' (set GAN_ONNX_DEBUG=1 for where)';
  process.stderr.write(`gan-onnx: ${line}${hint}\n${debug ? `${stack}\n` : ''}`);
  return code;
}
