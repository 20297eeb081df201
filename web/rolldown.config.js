import { defineConfig } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

/** What a package.json can name is not ours to bundle. */
const external = /^[^./]/
const output = { dir: 'dist' }
const page = { tsconfig: 'tsconfig.page.json' }

/** The built worker lies beside the client, where every bundler that knows `new URL` finds it. */
const workerBesideClient = {
  name: 'worker-beside-client',
  renderChunk(/** @type {string} */ code, /** @type {{ name: string }} */ { name }) {
    if (name !== 'index') return null
    const built = code.replace('"../worker/entry.ts"', '"./worker.js"')
    if (built === code) throw new Error('The client names no worker: has transports/worker-port.ts changed?')
    return built
  },
}

/**
 * The hooks stand on the client that the application imports, not on a copy of it: one class of errors,
 * and one `Register` for both to see.
 */
const hooksOnClient = {
  name: 'hooks-on-client',
  resolveId: (/** @type {string} */ source) =>
    source.startsWith('../') ? { id: 'durably', external: true } : null,
}

export default defineConfig([
  {
    input: { index: './src/index.ts' },
    external,
    plugins: [workerBesideClient, dts(page)],
    output: { ...output, cleanDir: true },
  },
  {
    input: { react: './src/react/index.ts' },
    external,
    plugins: [hooksOnClient, dts(page)],
    // Server components may pass the hooks on; only the browser runs them.
    output: { ...output, banner: "'use client'" },
  },
  // By itself, and so whole: nothing is shared with the page.
  { input: { worker: './src/worker/entry.ts' }, external, output },
  {
    input: { vite: './src/vite/index.ts' },
    external,
    platform: 'node',
    plugins: [dts({ tsconfig: 'tsconfig.node.json' })],
    output,
  },
])
