import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'rolldown'

/**
 * Names the packages that are in a script, as Vite does it for a page: for the list of licences of a site.
 * @type {import('rolldown').Plugin}
 */
const licenses = {
  name: 'licenses',
  generateBundle(_options, bundle) {
    const modules = Object.values(bundle).flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
    const folders = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? [])
    const source = JSON.stringify([...new Set(folders)].sort().map(licenseOf), null, 1)
    this.emitFile({ type: 'asset', fileName: 'license.json', source })
  },
}

/** @type {(text: string) => { name: string, version: string, license: string }} */
const parsed = JSON.parse

const licenseOf = (/** @type {string} */ folder) => {
  const { name, version, license } = parsed(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
  const text = file === undefined ? null : readFileSync(join(folder, file), 'utf8')
  return { name, version, identifier: license, text }
}

/** Each is one script that imports nothing. The bundler for sites puts the list of files into `sw.js`. */
const script = (
  /** @type {string} */ name,
  /** @type {string} */ input,
  /** @type {import('rolldown').Plugin[]} */ plugins = [],
) =>
  defineConfig({
    input: { [name]: input },
    plugins,
    platform: 'browser',
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    output: { dir: '../build/service-worker', format: 'iife', minify: true },
    logLevel: 'silent',
  })

export default [
  script('sw', './src/service-worker/entry.ts', [licenses]),
  script('kill-switch', './src/service-worker/kill-switch.ts'),
]
