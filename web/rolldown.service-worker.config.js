import { defineConfig } from 'rolldown'

/** Each is one script that imports nothing. The bundler for sites puts the list of files into `sw.js`. */
const script = (/** @type {string} */ name, /** @type {string} */ input) =>
  defineConfig({
    input: { [name]: input },
    platform: 'browser',
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    output: { dir: '../build/service-worker', format: 'iife', minify: true },
    logLevel: 'silent',
  })

export default [
  script('sw', './src/service-worker/entry.ts'),
  script('kill-switch', './src/service-worker/kill-switch.ts'),
]
