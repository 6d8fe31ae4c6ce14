/** What a generator file says about itself, read from its bytes: ONNX Runtime does not show metadata to JavaScript. */

import {
  DATA_TYPES,
  dataTypeName,
  decodeModel,
  dryRun,
  formatDims,
  InvalidModelError,
  modelMetadata,
  shortName,
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

/** Samples per run of the model; part of what makes sample k reproducible on a machine. */
export const TILE = 64;

/** Components beyond which no latent can be meant: drawing a tile of them takes a second. */
const MAX_LATENT = 2 ** 18;

function dimensions(value: ValueInfoProto): (number | string | undefined)[] {
  const dims = value.type?.tensor_type?.shape?.dim ?? [];
  return dims.map(({ dim_value, dim_param }) => dim_value ?? dim_param);
}

/** Dimensions for a message. */
function show(dims: readonly (number | string | undefined)[]): string {
  return formatDims(dims).replaceAll(', ', ',');
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
  throw new InvalidModelError(`its metadata names an unknown latent distribution ${shortName(text)}`);
}

/** Refuses a value that is not float32, or whose batch has a fixed size. */
function checkBatch(what: string, value: ValueInfoProto): void {
  const type = value.type?.tensor_type?.elem_type;
  if (type !== DATA_TYPES.float32) {
    throw new InvalidModelError(
      `its ${what} ${shortName(value.name)} is ${dataTypeName(type) ?? 'of unknown type'}, expected float32`,
    );
  }
  const batch = dimensions(value)[0];
  if (typeof batch === 'number' && batch > 0) {
    throw new InvalidModelError(
      `its ${what} ${shortName(value.name)} takes batches of ${batch} only, expected any batch size N`,
    );
  }
}

/** Components of a latent, as the input declares them. */
function latentSizeOf(input: ValueInfoProto): number {
  const latent = dimensions(input);
  const size = latent[1];
  if (latent.length !== 2 || !positiveInteger(size)) {
    throw new InvalidModelError(
      `not a generator: input ${shortName(input.name)} is ${show(latent)}, expected [N, latent]`,
    );
  }
  if (size > MAX_LATENT) {
    throw new InvalidModelError(
      `not a usable generator: latents of ${size} components, expected at most ${MAX_LATENT}`,
    );
  }
  return size;
}

/**
 * [channels, height, width] of the images: what the output declares and what a run gives must agree. Other tools
 * declare names where they do not know a size.
 */
function imageSizeOf(output: ValueInfoProto, actual: readonly number[]): readonly [number, number, number] {
  const declared = dimensions(output);
  const label = `output ${shortName(output.name)}`;
  if (declared.slice(1).some((dim, i) => typeof dim === 'number' && dim !== actual[i + 1])) {
    throw new InvalidModelError(`its ${label} is ${show(actual)} for ${TILE} latents, not ${show(declared)}`);
  }
  const [count, channels, height, width] = actual;
  if (actual.length !== 4 || count !== TILE || !height || !width) {
    throw new InvalidModelError(
      `not a generator: ${label} is ${show(actual)} for ${TILE} latents, expected [${TILE}, C, H, W]`,
    );
  }
  if (channels !== 1 && channels !== 3) {
    throw new InvalidModelError(
      `not a usable generator: images of ${channels} x ${height} x ${width}, expected 1 or 3 channels of pixels`,
    );
  }
  return [channels, height, width];
}

/**
 * Reads what a generator file says about itself, and makes sure that running it is safe.
 *
 * @param bytes a generator file: input float32 [N, latent], output float32 [N, C, H, W], N free
 * @throws InvalidModelError when the bytes are no model, or the model is no generator
 */
export function describeGenerator(bytes: Uint8Array): GeneratorDescription {
  const model = decodeModel(bytes);
  const initialisers = new Set((model.graph?.initializer ?? []).map(({ name }) => name));
  const inputs = (model.graph?.input ?? []).filter(({ name }) => !initialisers.has(name));
  const outputs = model.graph?.output ?? [];
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new InvalidModelError(
      `not a generator: it has ${inputs.length} inputs and ${outputs.length} outputs, expected one of each`,
    );
  }
  const [input, output] = [inputs[0]!, outputs[0]!];
  const latentSize = latentSizeOf(input);
  if (dimensions(output).length !== 4) {
    throw new InvalidModelError(
      `not a generator: output ${shortName(output.name)} is ${show(dimensions(output))}, expected [N, C, H, W]`,
    );
  }
  checkBatch('input', input);
  checkBatch('output', output);
  const metadata = modelMetadata(model);
  const distribution = parseDistribution(metadata.get('latent.distribution'));
  const outlines = dryRun(model, new Map([[input.name!, [TILE, latentSize]]]), bytes.length);
  const image = imageSizeOf(output, outlines.get(output.name!)!.shape);
  return { input: input.name!, output: output.name!, latentSize, distribution, image, metadata };
}
