// Prints what each entry of the built package weighs, with what it imports from this package.
import { table } from 'node:console'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

/** @type {Record<string, { minified: string, gzip: string }>} */
const sizes = {}
for (const entry of ['index', 'react', 'offline', 'dashboard', 'worker', 'vite', 'types-cli']) {
  const bundle = await rolldown({ input: `./dist/${entry}.js`, external: /^[^./]/, logLevel: 'silent' })
  const { output } = await bundle.generate({ minify: true, codeSplitting: entry === 'dashboard' })
  const { code } = output[0]
  sizes[entry] = { minified: kilobytes(code.length), gzip: kilobytes(gzipSync(code).length) }
}
table(sizes)

function kilobytes(/** @type {number} */ bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`
}
