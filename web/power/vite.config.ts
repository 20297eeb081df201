import { defineConfig } from 'vite'

/** A program for Node. It loads Pyodide from where it is installed, as the worker does from its folder. */
export default defineConfig({
  root: import.meta.dirname,
  build: {
    ssr: 'main.ts',
    outDir: '../../build/power',
    emptyOutDir: true,
    target: 'node20',
    sourcemap: true,
  },
  ssr: { noExternal: true },
})
