/**
 * The operators that the fuzzer puts into models, with the kinds of their inputs and attributes (see mutate-model.mjs):
 * nearly all of ONNX, and some of ONNX Runtime's own, as `op: inputs; attribute kind; ...`.
 */

import { operatorOf } from '../../dist/onnx/dry-run/operators.js';

const NUMBERS = `
Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Cos Cosh Det Erf Exp Floor GlobalAveragePool GlobalMaxPool
HardSwish Identity IsInf IsNaN Log Mish Neg NonZero Not Reciprocal Relu Round Shape Sigmoid Sign Sin Sinh Size Softplus
Softsign Sqrt Tan Tanh`;

const PAIRS = `
Add And BitwiseAnd Div Equal Greater GreaterOrEqual Less LessOrEqual MatMul MatMulInteger Max Mean Min Mod Mul Or PRelu
Pow Sub Sum Xor`;

const REDUCTIONS = `
ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare`;

const OTHERS = `
AffineGrid: weights ints; align_corners int
ArgMax: x; axis int; keepdims int; select_last_index int
ArgMin: x; axis int; keepdims int
Attention: x x x x; q_num_heads int; kv_num_heads int
AveragePool: x; kernel_shape ints; strides ints; pads ints; ceil_mode int; dilations ints; auto_pad auto
BatchNormalization: x floats floats floats floats; epsilon float; momentum float; training_mode int
Bernoulli: x; dtype type; seed float
BitShift: i32s i32s; direction direction
BlackmanWindow: int; output_datatype type; periodic int
Cast: x; to type
CastLike: x i32s
Celu: x; alpha float
CenterCropPad: x ints; axes ints
Clip: x float float
Col2Im: x ints ints; dilations ints; pads ints; strides ints
Compress: x bools; axis int
Concat: x x; axis int
ConcatFromSequence: x; axis int; new_axis int
Constant: ; value tensor
ConstantOfShape: ints; value tensor
Conv: x weights floats; auto_pad auto; dilations ints; group int; kernel_shape ints; pads ints; strides ints
ConvInteger: u8s u8s; group int; kernel_shape ints; pads ints; strides ints
ConvTranspose: x weights floats; auto_pad auto; dilations ints; group int; kernel_shape ints; output_padding ints; output_shape ints; pads ints; strides ints
CumSum: x int; exclusive int; reverse int
DFT: x int int; axis int; inverse int; onesided int
DeformConv: x weights x; group int; kernel_shape ints; offset_group int; pads ints; strides ints
DepthToSpace: x; blocksize int; mode depth
DequantizeLinear: u8s float u8s; axis int; block_size int
Dropout: x float bool; seed int
DynamicQuantizeLinear: x
Einsum: x x; equation equation
Elu: x; alpha float
Expand: x ints
EyeLike: x; dtype type; k int
Flatten: x; axis int
GRU: x weights weights floats; hidden_size int; direction string; layout int; linear_before_reset int
Gather: x ints; axis int
GatherElements: x ints; axis int
GatherND: x ints; batch_dims int
Gelu: x; approximate string
Gemm: x weights floats; alpha float; beta float; transA int; transB int
GlobalLpPool: x; p int
GridSample: x weights; align_corners int; mode resize; padding_mode string
GroupNormalization: x floats floats; epsilon float; num_groups int; stash_type type
HammingWindow: int; output_datatype type
HannWindow: int; output_datatype type
HardSigmoid: x; alpha float; beta float
Hardmax: x; axis int
ImageDecoder: u8s
InstanceNormalization: x floats floats; epsilon float
LRN: x; alpha float; beta float; size int
LSTM: x weights weights floats; hidden_size int; direction string; input_forget int; layout int
LayerNormalization: x floats floats; axis int; epsilon float; stash_type type
LeakyRelu: x; alpha float
LogSoftmax: x; axis int
LpNormalization: x; axis int; p int
LpPool: x; kernel_shape ints; p int; pads ints; strides ints; ceil_mode int
MaxPool: x; kernel_shape ints; strides ints; pads ints; dilations ints; ceil_mode int; storage_order int; auto_pad auto
MaxRoiPool: x weights; pooled_shape ints; spatial_scale float
MaxUnpool: x ints ints; kernel_shape ints; pads ints; strides ints
MeanVarianceNormalization: x; axes ints
MelWeightMatrix: int int int float float
Multinomial: x; dtype type; sample_size int
NegativeLogLikelihoodLoss: x ints; ignore_index int; reduction string
NonMaxSuppression: weights weights int float float; center_point_box int
OneHot: ints int floats; axis int
Optional: x
OptionalGetElement: x
OptionalHasElement: x
Pad: x ints float; mode pad; pads ints
QLinearConv: u8s float u8s u8s float u8s float u8s; group int; kernel_shape ints; pads ints
QLinearMatMul: u8s float u8s u8s float u8s float u8s
QuantizeLinear: x floats u8s; axis int; block_size int
RMSNormalization: x floats; axis int; epsilon float
RNN: x weights weights floats; hidden_size int; direction string; layout int
RandomNormal: ; shape ints; dtype type; mean float; scale float
RandomNormalLike: x; dtype type
RandomUniform: ; shape ints; dtype type; high float; low float
RandomUniformLike: x; dtype type
Range: int int int
RegexFullMatch: strings; pattern string
Reshape: x ints; allowzero int
Resize: x floats floats ints; mode resize; coordinate_transformation_mode coordinates; axes ints; antialias int
ReverseSequence: x ints; batch_axis int; time_axis int
RoiAlign: x weights ints; output_height int; output_width int; sampling_ratio int; spatial_scale float
RotaryEmbedding: x weights weights ints; num_heads int; rotary_embedding_dim int; interleaved int
STFT: x int floats int; onesided int
ScatterElements: x ints x; axis int; reduction string
ScatterND: x ints x; reduction string
Selu: x; alpha float; gamma float
SequenceAt: x int
SequenceConstruct: x x
SequenceEmpty: ; dtype type
SequenceInsert: x x int
Shrink: x; bias float; lambd float
Slice: x ints ints ints ints
Softmax: x; axis int
SoftmaxCrossEntropyLoss: x ints; ignore_index int; reduction string
SpaceToDepth: x; blocksize int
Split: x ints; axis int; num_outputs int
SplitToSequence: x ints; axis int; keepdims int
Squeeze: x ints
StringConcat: strings strings
StringNormalizer: strings; case_change_action string
StringSplit: strings; delimiter string; maxsplit int
TensorScatter: x x ints; axis int
TfIdfVectorizer: ints; max_gram_length int; max_skip_count int; min_gram_length int; mode string; ngram_counts ints; ngram_indexes ints; pool_int64s ints; weights floats
ThresholdedRelu: x; alpha float
Tile: x ints
TopK: x ints; axis int; largest int; sorted int
Transpose: x; perm ints
Trilu: x int; upper int
Unique: x; axis int; sorted int
Unsqueeze: x ints
Upsample: x floats; mode resize; scales floats
Where: bools x x
ai.onnx.ml.ArrayFeatureExtractor: x ints
ai.onnx.ml.Binarizer: x; threshold float
ai.onnx.ml.FeatureVectorizer: x x; inputdimensions ints
ai.onnx.ml.Imputer: x; imputed_value_floats floats; replaced_value_float float
ai.onnx.ml.LabelEncoder: x; keys_floats floats; values_floats floats; default_float float
ai.onnx.ml.LinearClassifier: x; coefficients floats; intercepts floats; classlabels_ints ints; post_transform string
ai.onnx.ml.LinearRegressor: x; coefficients floats; intercepts floats; targets int
ai.onnx.ml.Normalizer: x; norm string
ai.onnx.ml.OneHotEncoder: x; cats_int64s ints; zeros int
ai.onnx.ml.SVMClassifier: x; coefficients floats; kernel_params floats; kernel_type string; rho floats; support_vectors floats; vectors_per_class ints; classlabels_ints ints
ai.onnx.ml.SVMRegressor: x; coefficients floats; kernel_params floats; n_supports int; rho floats; support_vectors floats
ai.onnx.ml.Scaler: x; offset floats; scale floats
ai.onnx.ml.TreeEnsembleRegressor: x; n_targets int; nodes_falsenodeids ints; nodes_featureids ints; nodes_modes modes; nodes_nodeids ints; nodes_treeids ints; nodes_truenodeids ints; nodes_values floats; target_ids ints; target_nodeids ints; target_treeids ints; target_weights floats
com.microsoft.Attention: x weights floats; num_heads int; unidirectional int
com.microsoft.BiasGelu: x floats
com.microsoft.CDist: x x; metric string
com.microsoft.ConvTransposeWithDynamicPads: x weights ints; group int; kernel_shape ints; output_padding ints; strides ints
com.microsoft.CropAndResize: x weights ints ints; mode string
com.microsoft.EmbedLayerNormalization: ints ints weights weights weights floats floats
com.microsoft.ExpandDims: x int
com.microsoft.FastGelu: x floats
com.microsoft.FusedConv: x weights floats; activation string; activation_params floats; group int; kernel_shape ints; pads ints; strides ints
com.microsoft.FusedGemm: x weights floats; activation string
com.microsoft.FusedMatMul: x weights; alpha float; transA int; transB int; transBatchA int; transBatchB int
com.microsoft.GatherND: x ints
com.microsoft.Gelu: x
com.microsoft.GridSample: x weights; mode string; padding_mode string
com.microsoft.Inverse: x
com.microsoft.MatMulNBits: x u8s floats; K int; N int; bits int; block_size int
com.microsoft.MaxpoolWithMask: x i32s; kernel_shape ints; pads ints; strides ints
com.microsoft.MultiHeadAttention: x x x; num_heads int
com.microsoft.NGramRepeatBlock: ints weights; ngram_size int
com.microsoft.Pad: x ints float; mode pad
com.microsoft.QuickGelu: x; alpha float
com.microsoft.Range: int int int
com.microsoft.SkipLayerNormalization: x x floats floats; epsilon float
com.microsoft.TransposeMatMul: x weights; alpha float; transA int; transB int
com.microsoft.Unique: floats`;

const words = (text) => text.trim().split(/\s+/);

function parse(line) {
  const [head, ...attributes] = line.split(';').map((part) => part.trim());
  const [name, inputs] = head.split(':');
  const dot = name.lastIndexOf('.');
  return {
    domain: name.slice(0, Math.max(dot, 0)),
    op: name.slice(dot + 1),
    inputs: inputs.trim() === '' ? [] : words(inputs),
    attributes: attributes.map((attribute) => words(attribute)),
  };
}

export const OPERATORS = [
  ...words(NUMBERS).map((op) => parse(`${op}: x`)),
  ...words(PAIRS).map((op) => parse(`${op}: x x`)),
  ...words(REDUCTIONS).map((op) => parse(`${op}: x ints; keepdims int; noop_with_empty_axes int; axes ints`)),
  ...OTHERS.trim().split('\n').map(parse),
];

/** Those that a model may have, and so get as far as ONNX Runtime. */
export const RUNNABLE = OPERATORS.filter(({ domain, op }) => operatorOf(domain, op) !== undefined);
