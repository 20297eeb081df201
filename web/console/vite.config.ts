import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The page that the Python package brings, and `embed.js`: they use the npm package as any application does. */
export default defineConfig({
  root: at('.'),
  // Relative addresses: the page works under any path.
  base: './',
  plugins: [react(), nameForOthers('embed')],
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
    // Those that know light-dark().
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // Every file is one that a content security policy of `'self'` allows.
    assetsInlineLimit: 0,
    // Of the packages in it, for the list that a built site has.
    license: { fileName: '.vite/license.json' },
    modulePreload: {
      polyfill: false,
      // Nothing is added to the pages of others.
      resolveDependencies: (_file, dependencies, { hostType }) => (hostType === 'html' ? dependencies : []),
    },
    rolldownOptions: {
      input: { index: at('index.html'), embed: at('embed.ts') },
      preserveEntrySignatures: 'strict',
    },
  },
})

/** Makes a script with a name that others may write down. It leads to the one that is named by its content. */
function nameForOthers(name: string): Plugin {
  return {
    name: 'name-for-others',
    generateBundle(_options, bundle) {
      const entry = Object.values(bundle).find(
        (each) => each.type === 'chunk' && each.isEntry && each.name === name,
      )
      if (entry === undefined) throw new Error(`There is no entry ${name}.`)
      this.emitFile({
        type: 'asset',
        fileName: `${name}.js`,
        source: `export * from './${entry.fileName}'\n`,
      })
    },
  }
}
