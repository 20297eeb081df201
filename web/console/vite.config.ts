import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The page that the Python package brings: it uses the npm package as any application does. */
export default defineConfig({
  root: at('.'),
  // Relative addresses: the page works under any path.
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  resolve: {
    alias: [
      { find: /^durably$/, replacement: at('../src/index.ts') },
      { find: /^durably\/react$/, replacement: at('../src/react/index.ts') },
      { find: /^durably\/offline$/, replacement: at('../src/offline/index.ts') },
    ],
  },
  build: {
    outDir: at('../../build/console'),
    emptyOutDir: true,
    target: 'es2022',
    // Every file is one that a content security policy of `'self'` allows.
    assetsInlineLimit: 0,
  },
})
