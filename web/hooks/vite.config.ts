import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const source = (path: string): string => fileURLToPath(new URL(`../src/${path}`, import.meta.url))

/** `--mode react18` builds the same page with React 18. */
export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  resolve: {
    alias: [
      { find: /^durably$/, replacement: source('index.ts') },
      { find: /^durably\/react$/, replacement: source('react/index.ts') },
      { find: /^durably\/offline$/, replacement: source('offline/index.ts') },
      ...(mode === 'react18' ? [{ find: /^(react|react-dom)(\/.*)?$/, replacement: '$1-18$2' }] : []),
    ],
  },
  build: {
    outDir: fileURLToPath(new URL(`../../build/hooks/${mode}`, import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    minify: false,
  },
}))
