import { defineConfig } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'
import { readFileSync } from 'node:fs'

/** Of what is bundled, and so distributed with us. */
const fflateLicense = readFileSync('node_modules/fflate/LICENSE', 'utf8')

const common = {
  /** What a package.json can name is not ours to bundle. */
  external: /^[^./]/,
  output: { dir: 'dist', chunkFileNames: '[name].js' },
  checks: { bundlerTimings: false },
}
const page = { tsconfig: 'tsconfig.page.json', emitDtsOnly: true }
const tools = { tsconfig: 'tsconfig.node.json', emitDtsOnly: true }

/** The built worker lies beside the client, where every bundler that knows `new URL` finds it. */
const workerBesideClient = {
  name: 'worker-beside-client',
  transform: (/** @type {string} */ code) => code.replace("'../worker/entry.ts'", "'./worker.js'"),
  generateBundle(/** @type {unknown} */ _options, /** @type {Record<string, { code?: string }>} */ bundle) {
    const names = (/** @type {string} */ text) =>
      Object.values(bundle).some(({ code }) => code?.includes(text))
    if (!names('./worker.js') || names('worker/entry'))
      throw new Error('The client does not name its worker.')
  },
}

/** The hooks speak of the types that the application imports, not of copies: both see one `Register`. */
const typesOfClient = {
  name: 'types-of-client',
  resolveId: (/** @type {string} */ source) =>
    source.startsWith('../')
      ? { id: source.startsWith('../offline/') ? 'durably/offline' : 'durably', external: true }
      : null,
}

/** Server components may pass the hooks on; only a browser runs them. */
const banner = (/** @type {{ name: string }} */ chunk) => (chunk.name === 'react' ? "'use client'" : '')

export default defineConfig([
  {
    ...common,
    input: { index: './src/index.ts', react: './src/react/index.ts', offline: './src/offline/index.ts' },
    plugins: [workerBesideClient],
    output: { ...common.output, banner, cleanDir: true },
  },
  { ...common, input: { index: './src/index.ts' }, plugins: [dts(page)] },
  { ...common, input: { react: './src/react/index.ts' }, plugins: [typesOfClient, dts(page)] },
  { ...common, input: { offline: './src/offline/index.ts' }, plugins: [dts(page)] },
  // Its code is built by Vite, with its styles.
  { ...common, input: { dashboard: './dashboard/index.ts' }, plugins: [dts(page)] },
  // By itself, and so whole: nothing is shared with the page, and where it is a file of its own nobody resolves names.
  {
    ...common,
    input: { worker: './src/worker/entry.ts' },
    external: /^(?!fflate$)[^./]/,
    output: { ...common.output, banner: () => `/*! fflate\n\n${fflateLicense}*/` },
  },
  {
    ...common,
    input: { 'kill-switch': './src/service-worker/kill-switch.ts' },
    output: { ...common.output, format: 'iife' },
  },
  // Run in Node, each by itself.
  { ...common, input: { vite: './src/vite/index.ts' }, platform: 'node' },
  { ...common, input: { 'types-cli': './src/types/cli.ts' }, platform: 'node' },
  { ...common, input: { vite: './src/vite/index.ts' }, plugins: [dts(tools)] },
])
