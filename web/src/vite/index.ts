import { readFile } from 'node:fs/promises'
import type { OutgoingHttpHeaders } from 'node:http'
import { dirname, join, resolve } from 'node:path'
import type { Plugin, ResolvedConfig, UserConfig } from 'vite'
import { isolationHeaders } from '../../isolation-headers'
import { DevRuntime } from './dev-runtime'
import { asError } from './errors'
import { JobProject, type HostOptions, type RuntimeFiles } from './job-project'
import { serveKillSwitch } from './kill-switch'
import { findPython } from './python'

const SERVICE_WORKER = 'sw.js'

export interface DurablyPluginOptions extends HostOptions {
  /** The Python file that defines the jobs, relative to Vite's root. The Python files beside it and below are packed with it. */
  jobs: string
  /** The Python that has Durably. Default: that of the active virtual environment, or of the nearest `.venv`, or `python3`. */
  python?: string
  /** A TypeScript file to keep up to date with the types of the jobs, such as `src/jobs.gen.ts`. */
  types?: string
  /** A list of the packages that the jobs need, relative to Vite's root. Default: what the job file or its project declares. */
  requirements?: string
  /** Folders with wheels that no package index has, relative to Vite's root. */
  findLinks?: string[]
  /** Options of the engine in the page. */
  options?: EngineOptions
  /**
   * `split` (the default): the half of Python's standard library that no start needs is fetched when a job imports it first.
   * `whole`: all of it comes with the first visit.
   */
  library?: 'split' | 'whole'
  /** Where the page finds Python, below Vite's `base`. Default: `durably/`. */
  runtimePath?: string
}

/** Options of Python's `create_durably`, under its names. */
export interface EngineOptions {
  polling_interval_ms?: number
  lease_ms?: number
  lease_renew_interval_ms?: number
  maintenance_interval_ms?: number
  max_concurrent_runs?: number
  max_attempts?: number
  preserve_steps?: boolean
  /** As `'30d'`, `'12h'`, `'90m'`; `null`: for ever. */
  retain_runs?: string | null
  retain_events?: number
  idempotency_mismatch?: 'ignore' | 'error'
}

/** Packs the jobs and Python beside the page: served in development, part of what is built. */
export function durably(options: DurablyPluginOptions): Plugin {
  const path = `${(options.runtimePath ?? 'durably').replace(/^\/+|\/+$/g, '')}/`
  let config: ResolvedConfig
  let jobs: string
  let project: JobProject
  let files: RuntimeFiles

  return {
    name: 'durably',
    applyToEnvironment: (environment) => environment.config.consumer === 'client',
    config: {
      // Behind plugins that choose the base.
      order: 'post',
      handler: (given, { command }) => ({
        define: {
          __DURABLY_RUNTIME_URL__: JSON.stringify(baseUrl(given, command) + path),
          __DURABLY_SERVICE_WORKER_URL__: JSON.stringify(serviceWorkerUrl(options, given, command)),
        },
        worker: { format: 'es' },
        // Its worker is found beside it, and not where Vite bundles dependencies to.
        optimizeDeps: { exclude: ['durably'] },
        server: {
          watch: { ignored: ['**/.venv/**', '**/__pycache__/**'] },
          ...sent(options, given.server),
        },
        preview: sent(options, given.preview),
      }),
    },
    configResolved(resolved) {
      config = resolved
      jobs = resolve(config.root, options.jobs)
      project = new JobProject({
        python: options.python ?? findPython(dirname(jobs)),
        jobs,
        types: options.types === undefined ? null : resolve(config.root, options.types),
        packages: packageOptions(options, config.root),
        engine: options.options ?? {},
        library: options.library ?? 'split',
        output: join(config.cacheDir, 'durably', config.command),
        onProgress: (line) => config.logger.info(line),
      })
    },
    configureServer(server) {
      // Vitest has a server, too, but no page.
      if (process.env.VITEST !== undefined) return
      new DevRuntime(server, project).serveAt(config.base + path)
      if (options.offline !== undefined) serveKillSwitch(server, `${config.base}${SERVICE_WORKER}`)
    },
    async buildStart() {
      if (config.command === 'serve') return
      this.addWatchFile(jobs)
      files = await project.update().catch((error: unknown) => this.error(asError(error)))
    },
    async generateBundle() {
      for (const [name, file] of files) {
        this.emitFile({ type: 'asset', fileName: path + name, source: await readFile(file) })
      }
    },
    writeBundle: {
      // What is made of all files together comes last.
      order: 'post',
      sequential: true,
      async handler({ dir }) {
        if (dir !== undefined) await project.finish(dir, path.slice(0, -1), options)
      },
    },
  }
}

function packageOptions({ requirements, findLinks = [] }: DurablyPluginOptions, root: string): string[] {
  const list = requirements === undefined ? [] : ['--requirements', resolve(root, requirements)]
  return [...list, ...findLinks.flatMap((folder) => ['--find-links', resolve(root, folder)])]
}

/** Where the page is, as far as that is known: a relative base is the document's own folder, but for a server. */
function baseUrl({ base = '/' }: UserConfig, command: 'build' | 'serve'): string {
  if (command === 'serve' && (base === '' || base === './')) return '/'
  return base === '' || base.endsWith('/') ? base : `${base}/`
}

/** Empty: there is none, as in development. */
function serviceWorkerUrl(
  { offline = false }: DurablyPluginOptions,
  given: UserConfig,
  command: 'build' | 'serve',
): string {
  return command === 'build' && offline !== false ? baseUrl(given, command) + SERVICE_WORKER : ''
}

/** What the application says itself goes before. */
function sent(
  { isolation }: DurablyPluginOptions,
  given: UserConfig['preview'],
): { headers: OutgoingHttpHeaders } {
  return { headers: { ...isolationHeaders(isolation), ...given?.headers } }
}
