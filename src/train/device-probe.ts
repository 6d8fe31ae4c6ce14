/**
 * Tries a device with a configuration: does it load, does it train, how fast. In a process of its own, because a driver
 * that fails may take its process with it.
 */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildStepGraph, initialState, type StepGraph, sampleShape } from '../export/index.js';
import { configGan, type RunConfig } from './config.js';
import { DEVICES, type DeviceName, deviceProblem } from './devices.js';
import type { StepInputs } from './engine.js';
import { chooseEngine, type EngineName } from './engines.js';
import { drawNoise } from './feed.js';
import { hostFeeds, stateTensor } from './ort.js';
import { ORT_NODE } from './ort-node.js';
import { nodePlacement } from './placement.js';
import { generatorObjective } from './trainer.js';
import { UPDATE_SCHEDULES } from './update-schedules.js';

/** What a trial found. */
export interface DeviceProbe {
  /** Milliseconds of one step; absent when the device cannot train. */
  ms?: number;
  /** Why it cannot, in one line. */
  problem?: string;
  /** Nodes of the step's graphs, and those that ran elsewhere than on the device; where this was asked for. */
  nodes?: { total: number; elsewhere: readonly string[] };
}

export interface ProbeRequest {
  engine: EngineName;
  device: DeviceName;
  config: RunConfig;
  threads?: number;
  /** Whether to look where the nodes run. */
  placement: boolean;
}

/** Steps before those that are timed: the first ones compile shaders. */
const WARMUP_STEPS = 3;
const TIMED_STEPS = 10;
/** No more steps are timed after so long. */
const ENOUGH_MS = 2000;

/** Name of each device's provider in ONNX Runtime's profiles. */
const PROVIDERS: Readonly<Partial<Record<DeviceName, string>>> = {
  cpu: 'CPUExecutionProvider',
  webgpu: 'WebGpuExecutionProvider',
  cuda: 'CUDAExecutionProvider',
};

function inputsFor(
  graph: StepGraph,
  run: number,
  { gan, batchSize, seed }: RunConfig,
  numbers: number,
): StepInputs {
  const noise = drawNoise(graph.noise, { run, batchSize, size: batchSize, seed });
  return {
    batchSize,
    noise,
    ...(graph.takesBatch
      ? {
          real:
            gan === 'points'
              ? new Float32Array(batchSize * numbers)
              : new Uint8Array(batchSize * numbers).fill(127),
        }
      : {}),
  };
}

/** How many nodes the step graphs have, and which run elsewhere than on the device; each graph is run once. */
export async function placementOf(
  device: DeviceName,
  graphs: readonly StepGraph[],
  config: RunConfig,
): Promise<{ total: number; elsewhere: string[] }> {
  const gan = configGan(config);
  const numbers = sampleShape(gan).reduce((a, b) => a * b, 1);
  const state = initialState(gan, config.optimizer.kind, config.seed);
  let total = 0;
  const elsewhere: string[] = [];
  for (const graph of graphs) {
    const feeds = hostFeeds(ORT_NODE, graph, inputsFor(graph, 0, config, numbers), sampleShape(gan));
    for (const spec of graph.reads)
      feeds[spec.name] = stateTensor(ORT_NODE, spec, state.get(spec.name)!.data);
    const placement = await nodePlacement(graph.bytes, device, feeds);
    for (const [provider, nodes] of placement) {
      total += nodes.length;
      if (provider !== PROVIDERS[device]) elsewhere.push(...nodes);
    }
  }
  return { total, elsewhere };
}

/** Tries a device in this process. */
export async function probeDevice({
  engine: name,
  device,
  config,
  threads,
  placement,
}: ProbeRequest): Promise<DeviceProbe> {
  const settings = threads === undefined ? {} : { threads };
  try {
    const { create, target } = chooseEngine(name, config.optimizer, { device, ...settings });
    const gan = configGan(config);
    const numbers = sampleShape(gan).reduce((a, b) => a * b, 1);
    const { optimizer, schedule, k, seed } = config;
    const options = { gan, optimizer, ...generatorObjective(config), target };
    const order = UPDATE_SCHEDULES[schedule](k);
    const graphs = [...new Set(order)].map((graph) => buildStepGraph(graph, options));
    const state = initialState(gan, optimizer.kind, seed);
    const engine = await create({ options, graphs, order, state, image: sampleShape(gan) });
    const byName = new Map(graphs.map((graph) => [graph.name, graph]));
    const times: number[] = [];
    const end = performance.now() + ENOUGH_MS;
    for (let step = 0; step < WARMUP_STEPS + TIMED_STEPS; step++) {
      const began = performance.now();
      for (const [i, graph] of order.entries()) {
        const inputs = inputsFor(byName.get(graph)!, step * order.length + i, config, numbers);
        await engine.run(graph, inputs);
      }
      times.push(performance.now() - began);
      if (step >= WARMUP_STEPS && performance.now() > end) break;
    }
    await engine.close();
    const timed = times.slice(WARMUP_STEPS).sort((a, b) => a - b);
    return {
      ms: timed[timed.length >> 1]!,
      ...(placement ? { nodes: await placementOf(device, graphs, config) } : {}),
    };
  } catch (error) {
    return { problem: deviceProblem(device, error).message };
  }
}

/** Tries a device in a process of its own, which is ended after `limit` ms. */
export function probeApart(request: ProbeRequest, limit: number): Promise<DeviceProbe> {
  const child = fork(fileURLToPath(new URL('./probe-process.js', import.meta.url)), {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      resolve({
        problem: `--device ${request.device} did not do its first steps in ${limit / 1000} s: use --device cpu`,
      });
    }, limit);
    child.on('message', (probe) => {
      clearTimeout(timer);
      resolve(probe as DeviceProbe);
      child.kill();
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ problem: error.message });
    });
    child.on('exit', (_, signal) => {
      clearTimeout(timer);
      const { remedy } = DEVICES[request.device];
      resolve({
        problem: `--device ${request.device} ended its process (${signal ?? 'no answer'}): ${remedy}`,
      });
    });
    child.send(request);
  });
}

/** A device that was chosen, and why, in one line. */
export interface DeviceChoice {
  device: DeviceName;
  reason: string;
}

/** The longest that a device may take for its first steps. */
const PROBE_LIMIT = 60_000;

/** The device that does this run's steps fastest. */
export async function fastestDevice(config: RunConfig, threads?: number): Promise<DeviceChoice> {
  const found: { device: DeviceName; probe: DeviceProbe }[] = [];
  for (const device of Object.keys(DEVICES) as DeviceName[]) {
    const settings = threads === undefined ? {} : { threads };
    const request: ProbeRequest = { engine: 'session', device, config, placement: false, ...settings };
    found.push({ device, probe: await probeApart(request, PROBE_LIMIT) });
  }
  const times = found.flatMap(({ device, probe: { ms } }) => (ms === undefined ? [] : [{ device, ms }]));
  const [best] = times.sort((a, b) => a.ms - b.ms);
  const said = found.map(({ device, probe: { ms, problem } }) =>
    ms === undefined ? problem! : `${device} takes ${ms.toFixed(1)} ms a step`,
  );
  return { device: best?.device ?? 'cpu', reason: said.join('; ') };
}
