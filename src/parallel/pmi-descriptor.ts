/** Whether this process still has the socket over which launchers of MPICH's kind tell a rank of the others. */

import { fstatSync } from 'node:fs';
import { UserError } from '../system/user-error.js';

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}

/**
 * Must be asked before MPI begins, which would take any other file for it and fail with a page of its own errors.
 *
 * @throws UserError when the launcher named one in PMI_FD, and a program between it and this process closed it
 */
export function requirePmiDescriptor({ PMI_FD: named }: { PMI_FD?: string | undefined } = process.env): void {
  if (named === undefined || (/^\d{1,9}$/.test(named) && isSocket(Number(named)))) return;
  throw new UserError(
    `the launcher's connection to this process, descriptor ${named} (PMI_FD), is not open: expected gan-onnx to be started ` +
      'by the launcher itself, as npx and npm do not hand the descriptor on: start node_modules/.bin/gan-onnx, or node ' +
      'dist/cli/main.js in a clone, without npx',
  );
}
