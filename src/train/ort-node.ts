/** The onnxruntime package that engines use in Node. */

import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import type { OrtModule } from './ort.js';

// Errors are thrown too: its log would only say them twice, in its own words.
env.logLevel = 'fatal';

export const ORT_NODE: OrtModule = { InferenceSession, Tensor };
