/** The onnxruntime package that engines use in Node. */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { OrtModule } from './ort.js';

export const ORT_NODE: OrtModule = { InferenceSession, Tensor };
