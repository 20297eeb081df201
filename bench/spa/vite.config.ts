import { defineConfig } from 'vite'

// One build holds the pages: the reference, ours, and the raw limit of the disk.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  worker: { format: 'es' },
  optimizeDeps: { exclude: ['sqlocal'] },
  build: {
    outDir: '../../build/bench/page',
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: [
        'index.html',
        'reference/index.html',
        'limit/index.html',
        'startup/ours.html',
        'startup/reference.html',
        'startup/bare.html',
      ],
    },
  },
})
