/**
 * Bundles `<gan-sampler>` into two files that a page serves as they are: the element, and the worker in which the model
 * runs. ONNX Runtime stays outside: its own files lie beside them, and only those of the device in use are loaded.
 */

import { defineConfig } from 'vite';

/** What the worker imports from its own folder. */
const BESIDE: Readonly<Record<string, string>> = {
  'onnxruntime-web/wasm': './ort.wasm.min.mjs',
  'onnxruntime-web/webgpu': './ort.webgpu.min.mjs',
};

export default defineConfig({
  base: './',
  build: {
    outDir: 'dist/page',
    assetsDir: '',
    target: 'es2022',
    sourcemap: true,
    modulePreload: false,
    rollupOptions: {
      input: 'src/embed/index.ts',
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: 'gan-sampler.js', minify: true },
    },
  },
  worker: {
    format: 'es',
    rollupOptions: {
      external: Object.keys(BESIDE),
      output: { entryFileNames: 'gan-sampler-worker.js', paths: BESIDE, minify: true },
    },
  },
  logLevel: 'warn',
});
