import { defineConfig } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

/** What a package.json can name is not ours to bundle. */
const external = /^[^./]/
const output = { dir: 'dist', chunkFileNames: '[name].js' }
const page = { tsconfig: 'tsconfig.page.json', emitDtsOnly: true }

/** The built worker lies beside the client, where every bundler that knows `new URL` finds it. */
const workerBesideClient = {
  name: 'worker-beside-client',
  transform(/** @type {string} */ code, /** @type {string} */ id) {
    if (!id.endsWith('/transports/worker-port.ts')) return null
    const built = code.replace("'../worker/entry.ts'", "'./worker.js'")
    if (built === code) throw new Error('The client names no worker: has transports/worker-port.ts changed?')
    return built
  },
}

/** The hooks speak of the types that the application imports, not of copies: both see one `Register`. */
const typesOfClient = {
  name: 'types-of-client',
  resolveId: (/** @type {string} */ source) =>
    source.startsWith('../') ? { id: 'durably', external: true } : null,
}

/** Server components may pass the hooks on; only a browser runs them. */
const banner = (/** @type {{ name: string }} */ chunk) => (chunk.name === 'react' ? "'use client'" : '')

export default defineConfig([
  {
    input: { index: './src/index.ts', react: './src/react/index.ts' },
    external,
    plugins: [workerBesideClient],
    output: { ...output, banner, cleanDir: true },
  },
  { input: { index: './src/index.ts' }, external, plugins: [dts(page)], output },
  { input: { react: './src/react/index.ts' }, external, plugins: [typesOfClient, dts(page)], output },
  // By itself, and so whole: nothing is shared with the page.
  { input: { worker: './src/worker/entry.ts' }, external, output },
  // Run in Node, each by itself.
  { input: { vite: './src/vite/index.ts' }, external, platform: 'node', output },
  { input: { 'types-cli': './src/types/cli.ts' }, external, platform: 'node', output },
  {
    input: { vite: './src/vite/index.ts' },
    external,
    plugins: [dts({ tsconfig: 'tsconfig.node.json', emitDtsOnly: true })],
    output,
  },
])
