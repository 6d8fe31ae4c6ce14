/** The table of engines. A new one is an entry here and touches nothing else. */

import { type GraphTarget, type OptimizerSpec, trainingApiSupports } from '../export/index.js';
import type { Communicator } from '../parallel/communicator.js';
import { UserError } from '../system/user-error.js';
import type { CallLimits } from './call-length.js';
import {
  createOnDevice,
  DEVICES,
  type DeviceEntry,
  type DeviceName,
  type DeviceSettings,
} from './devices.js';
import type { Engine } from './engine.js';
import { loadTrainingApi } from './load-training-api.js';
import { createParallelEngine, type StopAgreement } from './parallel-engine.js';
import type { EngineFactory, EngineRequest } from './trainer.js';
import { createTrainingApiEngine } from './training-api-engine.js';

export interface EngineSettings extends DeviceSettings {
  /** `cpu` by default. */
  device?: DeviceName;
  /** The processes that share each batch; this one alone by default. */
  parallel?: { group: Communicator; stop: StopAgreement };
}

export interface EngineEntry {
  /** One line for a list of engines. */
  description: string;
  /** Devices that it runs on. */
  devices: readonly DeviceName[];
  /** Whether it has the optimiser. */
  supports(optimizer: OptimizerSpec): boolean;
  create(request: EngineRequest, settings: EngineSettings): Promise<Engine>;
}

export const ENGINES = {
  session: {
    description: 'step graphs as inference sessions of onnxruntime-node',
    devices: Object.keys(DEVICES) as DeviceName[],
    supports: () => true,
    create: (request, { device = 'cpu', ...settings }) => createOnDevice(device, request, settings),
  },
  'training-api': {
    description: "ONNX Runtime's on-device training, which is WASM with one thread: Adam only",
    devices: ['cpu'],
    supports: trainingApiSupports,
    create: async ({ options, state }) =>
      createTrainingApiEngine({ api: await loadTrainingApi(), options, state }),
  },
} satisfies Record<string, EngineEntry>;

export type EngineName = keyof typeof ENGINES;

/** An engine that was chosen, and what the rest must know of it. */
export interface ChosenEngine {
  create: EngineFactory;
  /** What step graphs are authored for. */
  target: GraphTarget;
  /** Steps between two readings of losses, unless told otherwise. */
  logInterval: number;
  /** How many steps go into one call. */
  calls: CallLimits;
}

function requireKnown(kind: string, name: string, table: object): void {
  if (Object.hasOwn(table, name)) return;
  throw new UserError(`${kind} ${name} is unknown: expected one of ${Object.keys(table).join(', ')}`);
}

/**
 * The engine of that name, ready to be made.
 *
 * @throws UserError when there is none, or it lacks the optimiser or the device
 */
export function chooseEngine(
  name: EngineName,
  optimizer: OptimizerSpec,
  settings: EngineSettings = {},
): ChosenEngine {
  requireKnown('engine', name, ENGINES);
  const { device = 'cpu' } = settings;
  requireKnown('device', device, DEVICES);
  const entry: EngineEntry = ENGINES[name];
  if (!entry.devices.includes(device)) {
    throw new UserError(
      `--engine ${name} does not run on --device ${device}: leave the device out, or use --engine session`,
    );
  }
  if (!entry.supports(optimizer)) {
    const able = Object.entries<EngineEntry>(ENGINES).flatMap(([other, { supports }]) =>
      supports(optimizer) ? [other] : [],
    );
    throw new UserError(
      `--engine ${name} has no ${optimizer.kind} optimiser: use --optimizer adam, or --engine ${able.join(' or ')}`,
    );
  }
  const { parallel, ...single } = settings;
  if (parallel !== undefined) {
    if (name !== 'session' || device !== 'cpu') {
      throw new UserError(
        `several processes train on --engine session and --device cpu, not on ${name} and ${device}: leave them out, or ` +
          'start one process',
      );
    }
    const { target, logInterval } = DEVICES.cpu;
    const { threads } = single;
    const own = threads === undefined ? {} : { threads };
    const create: EngineFactory = (request) => createParallelEngine({ ...request, ...own, ...parallel });
    return { create, target, logInterval, calls: { most: 1 } };
  }
  const { target, logInterval, callMs, ...suits }: DeviceEntry =
    name === 'session' ? DEVICES[device] : { ...DEVICES.cpu, stepsPerCall: 1 };
  const { stepsPerCall = suits.stepsPerCall } = single;
  const isWanted = single.stepsPerCall !== undefined;
  const calls = { most: stepsPerCall, ...(isWanted || callMs === undefined ? {} : { ms: callMs }) };
  return {
    create: (request) => entry.create(request, { ...single, stepsPerCall }),
    target,
    logInterval,
    calls,
  };
}
