/** `gan-onnx doctor`. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import type { MpiFamily } from '../parallel/launcher.js';
import { ABIS } from '../parallel/mpi-abi.js';
import { DEFAULT_CONFIG, type RunConfig } from '../train/config.js';
import { type DeviceProbe, probeApart } from '../train/device-probe.js';
import { DEVICES, type DeviceName } from '../train/devices.js';
import { ENGINES, type EngineName } from '../train/engines.js';

/** A pair of networks whose step every device does in an instant. */
const TINY: RunConfig = { ...DEFAULT_CONFIG, gan: 'mlp', imageSize: 8, latentSize: 8, batchSize: 16 };

/** Software GPUs compile shaders slowly. */
const LIMIT = 120_000;

/** Version of an installed package, or what to say where there is none. */
function packageVersion(name: string): string {
  try {
    let folder = dirname(createRequire(import.meta.url).resolve(name));
    for (;;) {
      try {
        const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
          name?: string;
          version?: string;
        };
        if (manifest.name !== undefined) return `${manifest.name} ${manifest.version}`;
      } catch {
        // No manifest here: one folder up.
      }
      if (dirname(folder) === folder) return 'not installed';
      folder = dirname(folder);
    }
  } catch {
    return 'not installed';
  }
}

interface Row {
  engine: EngineName;
  device: DeviceName;
}

function describe({ nodes, ms, problem }: DeviceProbe): string {
  if (ms === undefined) return `no    ${problem}`;
  const placed =
    nodes === undefined
      ? ''
      : nodes.elsewhere.length === 0
        ? `, all ${nodes.total} nodes on it`
        : `, ${nodes.elsewhere.length} of ${nodes.total} nodes elsewhere: ${nodes.elsewhere.join(', ')}`;
  return `yes   ${ms.toFixed(2)} ms a step of a tiny GAN${placed}`;
}

/** Whether several processes can train together, under each launcher. */
async function describeMpi(): Promise<string> {
  const { loadKoffi, openLibrary } = await import('../parallel/mpi.js');
  const families = Object.keys(ABIS) as MpiFamily[];
  let found: (family: MpiFamily) => string;
  try {
    const koffi = await loadKoffi();
    found = (family) => {
      const { version, file } = openLibrary(koffi, family);
      return `yes   ${version}, ${file}`;
    };
  } catch (error) {
    found = () => {
      throw error;
    };
  }
  const lines = families.map((family) => {
    try {
      return `${family.padEnd(14)}${found(family)}\n`;
    } catch (error) {
      return `${family.padEnd(14)}no    ${error instanceof Error ? error.message : String(error)}\n`;
    }
  });
  return `\n${'under mpirun'.padEnd(14)}works (koffi: ${packageVersion('koffi')})\n${lines.join('')}`;
}

/** @param version version of gan-onnx */
export function doctorCommand(version: string): Command {
  return new Command('doctor')
    .description('Tries every engine and device of this machine, and says what works and what is missing.')
    .action(async () => {
      process.stdout.write(
        `gan-onnx ${version}, Node ${process.version}, ${platform()} ${arch()}, ${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}\n` +
          `${packageVersion('onnxruntime-node')}; onnxruntime-training: ${packageVersion('onnxruntime-training')}\n\n` +
          `${'engine'.padEnd(14)}${'device'.padEnd(8)}works\n`,
      );
      const rows = Object.entries(ENGINES).flatMap(([engine, { devices }]) =>
        devices.map((device): Row => ({ engine: engine as EngineName, device })),
      );
      for (const { engine, device } of rows) {
        const placement = engine === 'session';
        const probe = await probeApart({ engine, device, config: TINY, placement }, LIMIT);
        process.stdout.write(`${engine.padEnd(14)}${device.padEnd(8)}${describe(probe)}\n`);
      }
      process.stdout.write(await describeMpi());
      const devices = Object.entries(DEVICES).map(([name, { description }]) => `${name}: ${description}`);
      process.stdout.write(`\n${devices.join('\n')}\n`);
    });
}
