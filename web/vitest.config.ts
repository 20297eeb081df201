import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.{ts,tsx}',
      'demo/**/*.test.{ts,tsx}',
      'dashboard/**/*.test.ts',
      'console/**/*.test.ts',
      'power/**/*.test.ts',
    ],
    environment: 'node',
  },
})
