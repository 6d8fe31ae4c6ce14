/**
 * What a generator file says about itself, read from its bytes: ONNX Runtime does not show metadata to JavaScript. The
 * shape of its output is known for certain once somebody has run it, or gone through a run without computing it.
 */

import {
  DATA_TYPES,
  dataTypeName,
  decodeModel,
  formatDims,
  InvalidModelError,
  type ModelProto,
  modelMetadata,
  shortName,
  type ValueInfoProto,
} from '../onnx/index.js';
import type { Distribution } from '../random/index.js';
import {
  checkGeneratorOptions,
  conventions,
  type GeneratorOptions,
  type Layout,
} from './generator-options.js';

/** What a session must know to run a generator. */
export interface GeneratorPorts {
  /** Name of the latent input. */
  input: string;
  /** Name of the image output. */
  output: string;
  latentSize: number;
  /** Shape of one latent in the input: [latent], or [latent, 1, 1] where the model wants that. */
  latentShape: readonly number[];
  distribution: Distribution;
  /** Samples per run of the model: TILE, or what the model fixes. */
  batch: number;
  /** Whether the model takes no other batch. */
  fixedBatch: boolean;
}

export interface GeneratorDescription extends GeneratorPorts {
  /** [channels, height, width] */
  image: readonly [number, number, number];
  /** Order of the axes in the model's output. */
  layout: Layout;
  /** Values of black and white in the model's output. */
  range: readonly [number, number];
  /** All metadata_props of the file. */
  metadata: ReadonlyMap<string, string>;
}

/** Samples per run of the model; part of what makes sample k reproducible on a machine. */
export const TILE = 64;

/** Components beyond which no latent can be meant. */
const MAX_LATENT = 2 ** 18;

/** Components of all latents of a batch beyond which none can be meant: drawing them takes a second. */
const MAX_BATCH_LATENTS = 2 ** 24;

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

/** The input or output that is meant: the one of that name, or the only one. */
function pick(what: 'input' | 'output', values: readonly ValueInfoProto[], name?: string): ValueInfoProto {
  const names = values
    .slice(0, 8)
    .map((value) => shortName(value.name))
    .join(', ');
  if (name !== undefined) {
    const found = values.find((value) => value.name === name);
    if (found !== undefined) return found;
    throw new InvalidModelError(`it has no ${what} ${shortName(name)}: its ${what}s are ${names}`);
  }
  if (values.length === 1) return values[0]!;
  const which = values.length === 0 ? '' : ` (${names}): option ${what} names the one that is meant`;
  throw new InvalidModelError(`not a generator: it has ${values.length} ${what}s, expected one${which}`);
}

function checkFloat32(what: string, value: ValueInfoProto): void {
  const type = value.type?.tensor_type?.elem_type;
  if (type === DATA_TYPES.float32) return;
  throw new InvalidModelError(
    `its ${what} ${shortName(value.name)} is ${dataTypeName(type) ?? 'of unknown type'}, expected float32`,
  );
}

/** Batch and shape of latents, as the input declares them: [N, latent], with any number of axes of 1 behind. */
function latentsOf(input: ValueInfoProto): { batch: number | undefined; latentShape: number[] } {
  const dims = dimensions(input);
  const [batch, size, ...ones] = dims;
  if (!positiveInteger(size) || ones.some((dim) => dim !== 1)) {
    throw new InvalidModelError(
      `not a generator: input ${shortName(input.name)} is ${show(dims)}, expected [N, latent]`,
    );
  }
  if (size > MAX_LATENT) {
    throw new InvalidModelError(
      `not a usable generator: latents of ${size} components, expected at most ${MAX_LATENT}`,
    );
  }
  return { batch: positiveInteger(batch) ? batch : undefined, latentShape: [size, ...ones.map(() => 1)] };
}

function isChannels(value: number | undefined): boolean {
  return value === 1 || value === 3;
}

interface ImageLayout {
  image: readonly [number, number, number];
  layout: Layout;
}

/** [C, H, W] and the order of axes, of one image of shape `dims`; undefined when it can be none. */
function imageLayout(
  dims: readonly number[],
  layout: Layout | undefined,
  shape: readonly [number, number, number] | undefined,
): ImageLayout | undefined {
  const [first = 0, second = 0, third = 0] = dims;
  if (dims.length === 1 && shape !== undefined) {
    const pixels = shape.reduce((a, b) => a * b, 1);
    return pixels === first ? { image: shape, layout: layout ?? 'NCHW' } : undefined;
  }
  if (dims.length === 2) return { image: [1, first, second], layout: 'NCHW' };
  if (dims.length !== 3) return undefined;
  const order = layout ?? (isChannels(first) || !isChannels(third) ? 'NCHW' : 'NHWC');
  const image = order === 'NCHW' ? ([first, second, third] as const) : ([third, first, second] as const);
  return { image, layout: order };
}

/**
 * What the images are: what the output declares and what a run gives must agree. Other tools declare names where they
 * do not know a size.
 */
function imagesOf(
  output: ValueInfoProto,
  actual: readonly number[],
  batch: number,
  layout: Layout | undefined,
  shape: GeneratorOptions['shape'],
): ImageLayout {
  const declared = dimensions(output);
  const label = `output ${shortName(output.name)}`;
  const given = `${show(actual)} for ${batch} latents`;
  if (
    declared.length > 0 &&
    (declared.length !== actual.length ||
      declared.some((dim, i) => positiveInteger(dim) && dim !== actual[i]))
  ) {
    throw new InvalidModelError(`its ${label} is ${given}, not ${show(declared)}`);
  }
  const [count, ...dims] = actual;
  const found =
    count === batch && dims.every((dim) => dim > 0) ? imageLayout(dims, layout, shape) : undefined;
  if (found === undefined) {
    const wanted = shape === undefined ? '[N, C, H, W]' : `images of ${show(shape)}`;
    const hint = dims.length === 1 && shape === undefined ? ' (for rows of pixels, option shape)' : '';
    throw new InvalidModelError(`not a generator: ${label} is ${given}, expected ${wanted}${hint}`);
  }
  const [channels, height, width] = found.image;
  if (shape !== undefined && String(shape) !== String(found.image)) {
    throw new InvalidModelError(`its images are ${show(found.image)}, and option shape says ${show(shape)}`);
  }
  if (!isChannels(channels)) {
    throw new InvalidModelError(
      `not a usable generator: images of ${channels} x ${height} x ${width}, expected 1 or 3 channels of pixels`,
    );
  }
  return found;
}

/** A generator file that has been read; how large its images are is not known yet. */
export interface GeneratorFile {
  model: ModelProto;
  ports: GeneratorPorts;
  /**
   * @param shape what the output has for a batch of latents
   * @throws InvalidModelError when those are no images, or not what the file declares
   */
  describe(shape: readonly number[]): GeneratorDescription;
}

/**
 * Reads what a generator file says about itself.
 *
 * @param bytes a generator file: input float32 [N, latent] or [N, latent, 1, 1]; output float32 [N, C, H, W],
 *   [N, H, W, C], [N, H, W] or, with `options.shape`, [N, pixels]; N is free or fixed
 * @param options what the file does not say
 * @throws InvalidModelError when the bytes are no model, or the model is no generator; RangeError when an option is
 *   impossible
 */
export function readGenerator(bytes: Uint8Array, options: GeneratorOptions = {}): GeneratorFile {
  checkGeneratorOptions(options);
  const model = decodeModel(bytes);
  const initialisers = new Set((model.graph?.initializer ?? []).map(({ name }) => name));
  const inputs = (model.graph?.input ?? []).filter(({ name }) => !initialisers.has(name));
  const input = pick('input', inputs, options.input);
  const output = pick('output', model.graph?.output ?? [], options.output);
  const other = inputs.find((value) => value !== input);
  if (other !== undefined) {
    throw new InvalidModelError(
      `it needs ${shortName(other.name)} beside the latents: only generators with latents alone can be sampled`,
    );
  }
  const { batch: fixed, latentShape } = latentsOf(input);
  checkFloat32('input', input);
  checkFloat32('output', output);
  const metadata = modelMetadata(model);
  if (metadata.has('points.coordinates')) {
    throw new InvalidModelError('it makes points of toy data, not images');
  }
  const { layout, range, distribution } = conventions(options, metadata);
  const batch = fixed ?? TILE;
  if (batch * latentShape[0]! > MAX_BATCH_LATENTS) {
    throw new InvalidModelError(
      `not a usable generator: batches of ${batch} latents of ${latentShape[0]} components, expected at most ` +
        `${MAX_BATCH_LATENTS} components in all`,
    );
  }
  const ports: GeneratorPorts = {
    input: input.name!,
    output: output.name!,
    latentSize: latentShape[0]!,
    latentShape,
    distribution,
    batch,
    fixedBatch: fixed !== undefined,
  };
  return {
    model,
    ports,
    describe: (shape) => ({
      ...ports,
      ...imagesOf(output, shape, batch, layout, options.shape),
      range,
      metadata,
    }),
  };
}
