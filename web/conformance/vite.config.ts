import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  worker: { format: 'es' },
  build: { outDir: '../../build/conformance', emptyOutDir: true, target: 'es2022' },
})
