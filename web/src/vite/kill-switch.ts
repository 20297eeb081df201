import { readFile } from 'node:fs/promises'
import type { ViteDevServer } from 'vite'

/** A built application that was at this address before must not answer in the place of the one that is developed. */
export function serveKillSwitch(server: ViteDevServer, path: string): void {
  server.middlewares.use((request, response, next) => {
    const [pathname = ''] = (request.url ?? '').split('?')
    if (pathname !== path) {
      next()
      return
    }
    readFile(new URL('./kill-switch.js', import.meta.url)).then((script) => {
      response.setHeader('Content-Type', 'text/javascript')
      response.setHeader('Cache-Control', 'no-cache')
      response.end(script)
    }, next)
  })
}
