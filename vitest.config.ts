import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // ONNX Runtime has threads of its own: more workers than cores only get in each other's way.
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
