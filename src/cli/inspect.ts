/** `gan-onnx inspect`: what a model is, as text that fits a terminal or as one JSON object. */

import { createHash } from 'node:crypto';
import { Command, Option } from 'commander';
import { describeGenerator, type GeneratorDescription, InvalidModelError } from '../infer/index.js';
import { MAX_MODEL_BYTES } from '../infer/model-file.js';
import { decodeModel } from '../onnx/index.js';
import { inspectModel, type ModelSummary } from '../onnx/inspect.js';
import { readBounded } from '../system/files.js';
import { UserError } from '../system/user-error.js';
import { inspectionJson } from './inspect-json.js';
import { inspectionText } from './inspect-text.js';

interface InspectFlags {
  json?: boolean;
  dim?: Map<string, number>;
}

const EXPECTED = 'an ONNX model, such as generator.onnx';

/** What `gan-onnx sample` can make of it, or why nothing. */
export type Sampling = { description: GeneratorDescription } | { reason: string };

export interface Inspection {
  file: string;
  bytes: number;
  sha256: string;
  summary: ModelSummary;
  sampling: Sampling;
}

function sampling(bytes: Uint8Array): Sampling {
  try {
    return { description: describeGenerator(bytes) };
  } catch (error) {
    if (error instanceof InvalidModelError) return { reason: error.message };
    throw error;
  }
}

function summaryOf(path: string, bytes: Uint8Array, sizes?: ReadonlyMap<string, number>): ModelSummary {
  try {
    return inspectModel(decodeModel(bytes), sizes);
  } catch (error) {
    if (!(error instanceof InvalidModelError)) throw error;
    throw new UserError(`${path}: ${error.message}: expected ${EXPECTED}`);
  }
}

/** Collects `--dim name=size`. */
function parseDim(text: string, before: Map<string, number> = new Map()): Map<string, number> {
  const at = text.lastIndexOf('=');
  const size = Number(text.slice(at + 1));
  if (at < 1 || text.slice(at + 1).trim() === '' || !Number.isSafeInteger(size) || size < 1) {
    throw new UserError(
      `--dim ${text}: expected <name>=<size>, such as sequence=128, with a size of at least 1`,
    );
  }
  return new Map([...before, [text.slice(0, at), size]]);
}

async function inspect(file: string, flags: InspectFlags): Promise<void> {
  const bytes = await readBounded(file, MAX_MODEL_BYTES, EXPECTED);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const inspection: Inspection = {
    file,
    bytes: bytes.length,
    sha256,
    summary: summaryOf(file, bytes, flags.dim),
    sampling: sampling(bytes),
  };
  process.stdout.write(flags.json ? inspectionJson(inspection) : inspectionText(inspection));
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'Says what an ONNX model is: inputs, outputs, parameters, FLOPs a sample, metadata. Runs nothing.',
    )
    .argument('<file.onnx>', 'any ONNX model')
    .option('--json', 'one JSON object')
    .addOption(
      new Option(
        '--dim <name=size>',
        'size of an axis that the inputs leave open, for the FLOPs; may be repeated',
      ).argParser(parseDim),
    )
    .action(inspect);
}
