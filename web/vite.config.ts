import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { isolationHeaders } from './isolation-headers.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: 'demo',
  // Relative addresses: the page works under any path.
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  resolve: {
    alias: [
      { find: /^durably$/, replacement: at('src/index.ts') },
      { find: /^durably\/react$/, replacement: at('src/react/index.ts') },
      { find: /^durably\/offline$/, replacement: at('src/offline/index.ts') },
    ],
  },
  build: {
    outDir: '../../build/page',
    emptyOutDir: true,
    target: 'es2022',
    assetsDir: 'assets',
    // Every file is one that a content security policy of `'self'` allows.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    license: { fileName: '.vite/license.json' },
  },
  server: {
    headers: isolationHeaders(),
    fs: { allow: ['..'] },
  },
  preview: { headers: isolationHeaders() },
})
