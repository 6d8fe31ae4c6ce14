/**
 * The training API's optimiser model: the learning rate as a function of the step, authored with the graph builder,
 * and ONNX Runtime's fused AdamW over sequences of tensors, which the builder does not know, put around it.
 */

import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  DATA_TYPES,
  encodeModel,
  type ValueInfoProto,
} from '../onnx/index.js';
import { Graph } from './graph.js';
import { modelProto } from './model-proto.js';
import { ORT_DOMAIN } from './ops.js';
import type { OptimizerSpec } from './optimizers.js';
import { scheduleValue } from './schedules.js';
import type { NetworkName } from './state.js';
import type { StepGraphOptions } from './step-graphs.js';

/** Sequences of float tensors that the API feeds, in its order: one entry for each trained parameter. */
const SEQUENCES = ['params', 'gradients', 'first_order_moments', 'second_order_moments'];

function sequence(name: string): ValueInfoProto {
  return { name, type: { sequence_type: { elem_type: { tensor_type: { elem_type: DATA_TYPES.float32 } } } } };
}

const float = (name: string, f: number): AttributeProto => ({ name, f, type: ATTRIBUTE_TYPES.float });
const int = (name: string, i: number): AttributeProto => ({ name, i, type: ATTRIBUTE_TYPES.int });

/** Whether the training API of onnxruntime-web 1.19 has a kernel that does what this optimiser does. */
export function trainingApiSupports({ kind }: OptimizerSpec): boolean {
  return kind === 'adam';
}

/**
 * The model that updates a network's parameters: inputs `learning_rate` (unused, because JavaScript cannot set it; so
 * the rate is in the graph, and Python's `set_learning_rate` changes nothing), `step` int64 [1] counted from 1, and the
 * four sequences. AdamW's mode 0 is torch.optim's arithmetic; without weight decay that is torch.optim.Adam. It
 * computes 1 - b^t in float32, which differs from torch by up to 6e-5 in the first steps.
 *
 * @throws RangeError for an optimiser without a kernel in the training API
 */
export function buildOptimizerModel(network: NetworkName, options: StepGraphOptions): Uint8Array {
  const { optimizer, version } = options;
  if (optimizer.kind !== 'adam') {
    throw new RangeError(
      `optimiser ${optimizer.kind}: the training API has kernels for adam only (and for sgd without momentum)`,
    );
  }
  const graph = new Graph(`${network}_optimizer`);
  graph.input('learning_rate', 'float32', [1]);
  const step = graph.input('step', 'int64', [1]).cast('float32');
  const before = step.sub(1 - (options.updatesBefore?.[network] ?? 0));
  graph.output('rate', scheduleValue(optimizer.learningRate, before).reshape([1]));
  const { node, initializer, input } = graph.toModel().graph!;
  const adam = {
    op_type: 'AdamWOptimizer',
    domain: ORT_DOMAIN,
    name: 'AdamWOptimizer',
    input: ['rate', 'step', ...SEQUENCES],
    output: ['updated'],
    attribute: [
      float('alpha', optimizer.b1),
      float('beta', optimizer.b2),
      float('epsilon', optimizer.eps),
      float('weight_decay', 0),
      int('adam_mode', 0),
      int('correct_bias', 1),
    ],
  };
  const updated: ValueInfoProto = {
    name: 'updated',
    type: { tensor_type: { elem_type: DATA_TYPES.bool, shape: { dim: [{ dim_value: 1 }] } } },
  };
  return encodeModel(
    modelProto(
      {
        name: graph.name,
        node: [...node!, adam],
        initializer: initializer!,
        input: [...input!, ...SEQUENCES.map(sequence)],
        output: [updated],
      },
      {
        description: `gan-onnx optimizer model of the ${network} of ${options.gan.name}`,
        ...(version === undefined ? {} : { version }),
      },
    ),
  );
}
