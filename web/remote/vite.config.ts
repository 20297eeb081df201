import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: at('.'),
  base: './',
  plugins: [react()],
  resolve: {
    alias: [
      { find: /^durably$/, replacement: at('../src/index.ts') },
      { find: /^durably\/react$/, replacement: at('../src/react/index.ts') },
      { find: /^durably\/offline$/, replacement: at('../src/offline/index.ts') },
    ],
  },
  worker: { format: 'es' },
  build: {
    outDir: at('../../build/remote'),
    emptyOutDir: true,
    target: 'es2022',
  },
})
