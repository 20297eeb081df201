import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** `durably/dashboard` of the npm package: with the libraries that it is made of, and their licences beside it. */
export default defineConfig({
  root: at('.'),
  publicDir: false,
  plugins: [react()],
  resolve: { alias: { 'use-sync-external-store/shim/index.js': at('store-shim.ts') } },
  define: { 'process.env.NODE_ENV': '"production"' },
  build: {
    outDir: at('../dist'),
    emptyOutDir: false,
    target: 'es2022',
    // Those that know light-dark().
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    minify: false,
    reportCompressedSize: false,
    license: { fileName: 'dashboard.licenses.md' },
    lib: { entry: at('package.ts'), formats: ['es'], fileName: 'dashboard', cssFileName: 'dashboard' },
    rolldownOptions: {
      // React and the hooks are the application's: there must not be two of them.
      external: /^(react|react-dom|durably)(\/|$)/,
      output: {
        chunkFileNames: 'dashboard-[name].js',
        banner: (chunk) => (chunk.isEntry ? "'use client'" : ''),
      },
    },
  },
})
