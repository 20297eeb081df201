import { resolveConfig, type InlineConfig, type ResolvedConfig } from 'vite'
import { expect, it } from 'vitest'
import { isolationHeaders } from '../../isolation-headers'
import { durably, type DurablyPluginOptions } from '.'

function resolved(
  command: 'build' | 'serve',
  given: InlineConfig = {},
  options: Partial<DurablyPluginOptions> = {},
): Promise<ResolvedConfig> {
  const plugins = [durably({ jobs: 'jobs.py', ...options })]
  return resolveConfig({ configFile: false, ...given, plugins }, command)
}

async function runtimeUrl(...args: Parameters<typeof resolved>): Promise<unknown> {
  const { define } = await resolved(...args)
  return JSON.parse(String(define?.__DURABLY_RUNTIME_URL__))
}

it.each([
  [undefined, '/durably/'],
  ['/app/', '/app/durably/'],
  ['/app', '/app/durably/'],
  ['./', './durably/'],
  ['', 'durably/'],
  ['https://static.example/app/', 'https://static.example/app/durably/'],
])('finds the runtime of what is built with the base %s', async (base, url) => {
  expect(await runtimeUrl('build', base === undefined ? {} : { base })).toBe(url)
})

it('finds the runtime from any route in development, where no base is relative', async () => {
  expect(await runtimeUrl('serve', { base: './' })).toBe('/durably/')
})

it.each(['python', '/python/', 'python/'])('takes %s for the path of the runtime', async (runtimePath) => {
  expect(await runtimeUrl('build', {}, { runtimePath })).toBe('/python/')
})

it('isolates the page in development and preview', async () => {
  const { server, preview } = await resolved('serve')
  expect(server.headers).toEqual(isolationHeaders())
  expect(preview.headers).toEqual(isolationHeaders())
})

it('lets the application decide about the headers', async () => {
  const headers = { 'Cross-Origin-Opener-Policy': 'unsafe-none' }
  const { server } = await resolved('serve', { server: { headers } })
  expect(server.headers).toEqual({ ...isolationHeaders(), ...headers })
  expect((await resolved('serve', {}, { isolation: 'none' })).server.headers).toEqual({})
})

it('takes another kind of isolation', async () => {
  const { server, preview } = await resolved('serve', {}, { isolation: 'credentialless' })
  for (const { headers } of [server, preview])
    expect(headers).toEqual({ ...isolationHeaders(), 'Cross-Origin-Embedder-Policy': 'credentialless' })
})

it('leaves the package to be served as it is', async () => {
  expect((await resolved('serve')).optimizeDeps.exclude).toContain('durably')
})
