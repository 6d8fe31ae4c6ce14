/** What a generator file says about itself, read from its bytes: ONNX Runtime does not show metadata to JavaScript. */

import {
  DATA_TYPES,
  dataTypeName,
  decodeModel,
  InvalidModelError,
  modelMetadata,
  type ValueInfoProto,
} from '../onnx/index.js';
import type { Distribution } from '../random/index.js';

export interface GeneratorDescription {
  /** Name of the latent input. */
  input: string;
  /** Name of the image output. */
  output: string;
  latentSize: number;
  distribution: Distribution;
  /** [channels, height, width] */
  image: readonly [number, number, number];
  /** All metadata_props of the file. */
  metadata: ReadonlyMap<string, string>;
}

/** A pixel count beyond which an image cannot be meant. */
const MAX_PIXELS = 2 ** 26;

function dimensions(value: ValueInfoProto): (number | string | undefined)[] {
  const dims = value.type?.tensor_type?.shape?.dim ?? [];
  return dims.map(({ dim_value, dim_param }) => dim_value ?? dim_param);
}

function positiveInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function parseDistribution(text: string | undefined): Distribution {
  if (text === undefined) return { kind: 'normal' };
  try {
    const value = JSON.parse(text) as Partial<{ kind: string; halfWidth: number }>;
    if (value.kind === 'normal') return { kind: 'normal' };
    if (value.kind === 'uniform' && Number.isFinite(value.halfWidth)) {
      return { kind: 'uniform', halfWidth: value.halfWidth! };
    }
  } catch {
    // Fall through to the same message as for any other value.
  }
  throw new InvalidModelError(`its metadata names an unknown latent distribution ${text.slice(0, 60)}`);
}

/** Refuses a value that is not float32, or whose batch has a fixed size. */
function checkBatch(what: string, value: ValueInfoProto): void {
  const type = value.type?.tensor_type?.elem_type;
  if (type !== DATA_TYPES.float32) {
    throw new InvalidModelError(
      `its ${what} ${value.name} is ${dataTypeName(type) ?? 'of unknown type'}, expected float32`,
    );
  }
  const batch = dimensions(value)[0];
  if (typeof batch === 'number' && batch > 0) {
    throw new InvalidModelError(
      `its ${what} ${value.name} takes batches of ${batch} only, expected any batch size N`,
    );
  }
}

/**
 * Reads what a generator file says about itself.
 *
 * @param bytes a generator file: input float32 [N, latent], output float32 [N, C, H, W], N free
 * @throws InvalidModelError when the bytes are no model, or the model is no generator
 */
export function describeGenerator(bytes: Uint8Array): GeneratorDescription {
  const model = decodeModel(bytes);
  const initialisers = new Set((model.graph?.initializer ?? []).map(({ name }) => name));
  const inputs = (model.graph?.input ?? []).filter(({ name }) => !initialisers.has(name));
  const outputs = model.graph?.output ?? [];
  const metadata = modelMetadata(model);
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new InvalidModelError(
      `not a generator: it has ${inputs.length} inputs and ${outputs.length} outputs, expected one of each`,
    );
  }
  const latent = dimensions(inputs[0]!);
  const image = dimensions(outputs[0]!);
  const [channels, height, width] = image.slice(1);
  if (latent.length !== 2 || !positiveInteger(latent[1])) {
    throw new InvalidModelError(
      `not a generator: input ${inputs[0]!.name} is [${latent}], expected [N, latent]`,
    );
  }
  if (
    image.length !== 4 ||
    !positiveInteger(channels) ||
    !positiveInteger(height) ||
    !positiveInteger(width)
  ) {
    throw new InvalidModelError(
      `not a generator: output ${outputs[0]!.name} is [${image}], expected [N, C, H, W]`,
    );
  }
  checkBatch('input', inputs[0]!);
  checkBatch('output', outputs[0]!);
  if (
    (channels !== 1 && channels !== 3) ||
    channels * height * width > MAX_PIXELS ||
    latent[1] > MAX_PIXELS
  ) {
    throw new InvalidModelError(
      `not a usable generator: images of ${channels} x ${height} x ${width}, expected 1 or 3 channels of pixels`,
    );
  }
  return {
    input: inputs[0]!.name!,
    output: outputs[0]!.name!,
    latentSize: latent[1],
    distribution: parseDistribution(metadata.get('latent.distribution')),
    image: [channels, height, width],
    metadata,
  };
}
