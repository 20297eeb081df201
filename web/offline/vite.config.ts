import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Files without a hash in their names, as a page of someone else may have: each version has another content. */
const unhashed = (version: string): Plugin => ({
  name: 'unhashed',
  generateBundle() {
    const files = {
      'data.json': JSON.stringify({ version }),
      'plain.js': `document.documentElement.dataset.plain = ${JSON.stringify(version)}\n`,
      'about.html': `<!doctype html><title>About ${version}</title>\n`,
      'slow.js': '',
      'films/index.html': `<!doctype html><title>Films ${version}</title>\n`,
      'films/film.txt': '0123456789',
    }
    for (const [fileName, source] of Object.entries(files)) {
      this.emitFile({ type: 'asset', fileName, source })
    }
  },
})

/** One page in several versions, for tests of upgrades. `--mode` is the version; that named `broken` does nothing. */
export default defineConfig(({ mode }) => ({
  root: at('.'),
  base: './',
  define: { __VERSION__: JSON.stringify(mode) },
  plugins: [
    unhashed(mode),
    { name: 'version', transformIndexHtml: (html) => html.replace('__VERSION__', mode) },
  ],
  worker: { format: 'es' },
  resolve: {
    alias: [
      { find: /^durably$/, replacement: at('../src/index.ts') },
      { find: /^durably\/offline$/, replacement: at('../src/offline/index.ts') },
    ],
  },
  build: {
    outDir: at(`../../build/offline/${mode}`),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
  },
}))
