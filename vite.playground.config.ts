/**
 * Bundles the playground: the page, its training worker, and the worker in which a model that was brought along runs.
 * ONNX Runtime stays outside: the server mounts its own files at ort/ and ort-training/.
 */

import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

/** What the workers import, from their own folder, which is the page's. */
const BESIDE: Readonly<Record<string, string>> = {
  'onnxruntime-web/wasm': './ort/ort.wasm.min.mjs',
  'onnxruntime-web/webgpu': './ort/ort.webgpu.min.mjs',
  'onnxruntime-training/training': './ort-training/ort.training.wasm.min.mjs',
};

export default defineConfig({
  root: 'web/playground',
  base: './',
  define: { GAN_ONNX_VERSION: JSON.stringify(version) },
  build: {
    outDir: '../../dist/playground',
    emptyOutDir: true,
    assetsDir: '',
    target: 'es2022',
    sourcemap: true,
    modulePreload: false,
    rollupOptions: {
      // No getter does anything here; without this, most of what the charts do not use would stay.
      treeshake: { propertyReadSideEffects: false },
      output: { entryFileNames: 'playground.js', minify: true },
    },
  },
  worker: {
    format: 'es',
    rollupOptions: {
      external: Object.keys(BESIDE),
      output: {
        entryFileNames: ({ facadeModuleId }) =>
          facadeModuleId?.includes('/playground/worker/') ? 'training-worker.js' : 'model-worker.js',
        chunkFileNames: '[name].js',
        paths: BESIDE,
        minify: true,
      },
    },
  },
  logLevel: 'warn',
});
