import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, relative } from 'node:path'
import type { ErrorPayload, ViteDevServer } from 'vite'
import type { JobProject, RuntimeFiles } from './job-project'
import { asError, JobsError } from './errors'

/** Editors save in several steps: one update for all of them. */
const DEBOUNCE_MS = 100
/** Files of the jobs, and those that declare which packages they need. */
const DECISIVE = /\.py$|[\\/](requirements[^\\/]*\.txt|pyproject\.toml)$/

const MANIFEST = 'manifest.json'
const MIME_TYPES: Record<string, string> = {
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.zip': 'application/zip',
}

/**
 * The runtime folder while one develops: made anew when Python changes, and the page reloaded. What is
 * wrong with the jobs is shown over the page until it is mended.
 */
export class DevRuntime {
  readonly #server: ViteDevServer
  readonly #project: JobProject
  #files: RuntimeFiles = new Map()
  #manifest = ''
  #error: Error | null = null
  /** The updates, one after the other. Settles when the last one is done. */
  #turn: Promise<void>
  #timer: NodeJS.Timeout | undefined

  constructor(server: ViteDevServer, project: JobProject) {
    this.#server = server
    this.#project = project
    this.#turn = this.#update()
    this.#watch()
    // The overlay is gone with each reload of the page, the error is not.
    server.ws.on('connection', () => this.#showError())
  }

  /** Answers requests for the files of the folder, which is at `path`; everything else goes on to Vite. */
  serveAt(path: string): void {
    this.#server.middlewares.use((request, response, next) => {
      const [pathname = ''] = (request.url ?? '').split('?')
      if (!pathname.startsWith(path)) next()
      else this.#serve(pathname.slice(path.length), request, response).catch(next)
    })
  }

  // ---------------------------------------------------------------- updates

  #watch(): void {
    const { watcher, config } = this.#server
    if (relative(config.root, this.#project.folder).startsWith('..')) watcher.add(this.#project.folder)
    watcher.on('all', (_event, path) => {
      if (!DECISIVE.test(path)) return
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#takeTurn(), DEBOUNCE_MS)
    })
  }

  #takeTurn(): void {
    this.#turn = this.#turn.then(() => this.#update())
  }

  async #update(): Promise<void> {
    try {
      this.#files = await this.#project.update()
      this.#adopt(await readFile(this.#files.get(MANIFEST) ?? '', 'utf8'))
    } catch (error) {
      this.#error = asError(error)
      this.#server.config.logger.error(described(this.#error), { timestamp: true, error: this.#error })
      this.#showError()
    }
  }

  /** The manifest names everything else by its content: pages of the same one have nothing new to load. */
  #adopt(manifest: string): void {
    const isNews = this.#error !== null || (this.#manifest !== '' && manifest !== this.#manifest)
    this.#error = null
    this.#manifest = manifest
    if (isNews) this.#server.ws.send({ type: 'full-reload' })
  }

  #showError(): void {
    if (this.#error !== null) this.#server.ws.send({ type: 'error', err: forOverlay(this.#error) })
  }

  // ---------------------------------------------------------------- requests

  async #serve(file: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.#turn
    // What was wrong may be mended by something that is not watched, such as a package that was installed.
    if (file === MANIFEST && this.#error !== null) this.#takeTurn()
    await this.#turn
    for (const [name, value] of Object.entries({ ...this.#server.config.server.headers })) {
      if (value !== undefined) response.setHeader(name, value)
    }
    const path = this.#files.get(file)
    if (this.#error !== null) response.writeHead(500).end(this.#error.message)
    else if (path === undefined) response.writeHead(404).end()
    else await send(path, request, response)
  }
}

async function send(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const content = await readFile(path)
  response.setHeader('Content-Type', MIME_TYPES[extname(path)] ?? 'application/octet-stream')
  response.setHeader('Content-Length', content.length)
  response.setHeader('Cache-Control', path.endsWith(MANIFEST) ? 'no-cache' : 'max-age=31536000, immutable')
  response.end(request.method === 'HEAD' ? undefined : content)
}

function forOverlay(error: Error): ErrorPayload['err'] {
  const { message, stack = '' } = error
  if (!(error instanceof JobsError)) return { message, stack, plugin: 'durably' }
  return { message, stack, plugin: 'durably', id: error.id, loc: error.loc, frame: error.frame }
}

/** For the terminal. */
function described(error: Error): string {
  if (!(error instanceof JobsError)) return `[durably] ${error.message}`
  const { file, line, column } = error.loc
  return `[durably] ${error.message}\n  ${file}:${line}:${column}\n${error.frame}`
}
