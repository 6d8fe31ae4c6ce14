/** Version of gan-onnx, which the page's files carry; the build puts it in. */

declare const GAN_ONNX_VERSION: string;

export const VERSION: string = GAN_ONNX_VERSION;
