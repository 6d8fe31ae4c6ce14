/**
 * A line that is printed when this process is ended before it could say anything, as launchers end all processes of a
 * job once one of them is lost: a shell waits at a pipe for that.
 */

import { spawn } from 'node:child_process';

/** Reads until the pipe is closed, which a process that is killed does too. */
const SCRIPT = 'cat >/dev/null; printf "%s\\n" "$1" >&2';

/**
 * Arranges for `line` to be printed on stderr if this process is killed. One that ends by itself prints what it has to say,
 * and this line is not.
 *
 * @returns calls it off
 */
export function leaveLastWord(line: string): () => void {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', line], {
    // In a session of its own: what ends the job must not end it.
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  // Where there is no shell, there is no last word.
  shell.on('error', () => {});
  shell.unref();
  (shell.stdin as unknown as { unref?(): void }).unref?.();
  const callOff = (): void => {
    shell.kill('SIGKILL');
  };
  process.once('exit', callOff);
  return () => {
    process.off('exit', callOff);
    callOff();
  };
}
