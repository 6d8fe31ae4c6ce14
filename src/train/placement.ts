/** On which execution provider each node of a graph runs, as ONNX Runtime's own profile tells it. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from 'onnxruntime-common';
import { InferenceSession } from 'onnxruntime-node';

/** Nodes by provider, for example `WebGpuExecutionProvider`, each as `<operator> <name>`. */
export type Placement = ReadonlyMap<string, readonly string[]>;

interface ProfileEvent {
  name: string;
  args?: { provider?: string; op_name?: string };
}

/**
 * Runs a graph once on a provider, with the CPU for what the provider does not take, and reads where its nodes ran.
 *
 * @throws ONNX Runtime's error when the provider is not there or the feeds do not fit
 */
export async function nodePlacement(
  bytes: Uint8Array,
  provider: string,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Placement> {
  const folder = mkdtempSync(join(tmpdir(), 'gan-onnx-profile-'));
  try {
    const session = await InferenceSession.create(bytes, {
      executionProviders: [provider],
      logSeverityLevel: 4,
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    });
    await session.run(feeds);
    session.endProfiling();
    await session.release();
    const [file] = readdirSync(folder);
    return placementIn(JSON.parse(readFileSync(join(folder, file!), 'utf8')) as ProfileEvent[]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function placementIn(events: readonly ProfileEvent[]): Placement {
  const placement = new Map<string, Set<string>>();
  for (const { name, args } of events) {
    if (args?.provider === undefined || args.op_name === undefined) continue;
    const nodes = placement.get(args.provider) ?? new Set();
    placement.set(args.provider, nodes.add(`${args.op_name} ${name.replace(/_kernel_time$/, '')}`));
  }
  return new Map([...placement].map(([provider, nodes]) => [provider, [...nodes]]));
}
