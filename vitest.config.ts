import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/reporter.ts'],
    setupFiles: ['./test/setup.ts'],
    testTimeout: 30_000,
    coverage: { include: ['src/**'] },
  },
});
