/** Runs a program of this folder in a process that has software Vulkan. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { softwareVulkan } from '../support/software-vulkan.js';

/** The JSON that the program prints as its last line; what it prints before goes to the test's log. */
export function runWithVulkan<T>(program: string, ...args: string[]): Promise<T> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, ...softwareVulkan() } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const lines = stdout.trimEnd().split('\n');
      if (code !== 0) reject(new Error(`${program} ended with ${signal ?? code}: ${stderr}`));
      else resolve(JSON.parse(lines.at(-1)!) as T);
    });
  });
}
