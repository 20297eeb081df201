import { readFile, readdir } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { Isolation } from '../../isolation-headers'
import type { Description } from '../types/description'
import { JobsError, PythonError } from './errors'
import { runDurably } from './python'
import { writeTypes } from './types-file'

/** What `python -m spa_runtime describe` prints. */
type Described = Description | { error: Fault }

interface Fault {
  message: string
  file: string
  line: number
  column: number | null
}

export interface JobProjectOptions {
  python: string
  /** The Python file that defines the jobs. */
  jobs: string
  /** Options of the command that say something about packages. */
  packages: string[]
  /** Options of the engine, for the manifest. */
  engine: object
  library: 'split' | 'whole'
  /** The TypeScript file for the types of the jobs, if there is to be one. */
  types: string | null
  /** Where the runtime folder is made. */
  output: string
  onProgress: (line: string) => void
}

/** What hosts are told to send. */
export interface HostOptions {
  /** How the page becomes cross-origin isolated: in development, in preview, and on hosts. Default: `require-corp`. */
  isolation?: Isolation
  /** The Content-Security-Policy on hosts: the strict one, or directives in the place of its own. Default: none. */
  csp?: 'strict' | readonly string[]
  /**
   * Makes a service worker with which the built application works offline; `durably/offline` is its side in the page.
   * `false`: one that was there before removes itself. Default: none is made, and the application may have its own.
   */
  offline?: boolean | OfflineBuildOptions
}

/** Addresses and files are relative to Vite's `base`. */
export interface OfflineBuildOptions {
  /** The page that answers addresses that are no files, as a router wants it. Default: `index.html`; `null`: the host answers. */
  navigationFallback?: string | null
  /** Beginnings of addresses that are left to the host all the same, such as `api/`. */
  denylist?: readonly string[]
  /** Files that are not kept on the device, as patterns: `videos/*`. */
  exclude?: readonly string[]
}

/** Files of the runtime folder: where they are, by their path in it. */
export type RuntimeFiles = ReadonlyMap<string, string>

/** The Python side of an application: checked and packed by the Python package, which alone knows how. */
export class JobProject {
  readonly #options: JobProjectOptions

  constructor(options: JobProjectOptions) {
    this.#options = options
  }

  /** The folder of the job file, from which Python files are packed. */
  get folder(): string {
    return dirname(this.#options.jobs)
  }

  /** Checks the jobs, writes their types, and makes the runtime folder anew. Throws a `PythonError`. */
  async update(): Promise<RuntimeFiles> {
    const { types, output } = this.#options
    const description = await this.#describe()
    if (types !== null) await writeTypes(types, description)
    await this.#pack()
    return await filesBelow(output)
  }

  /** Completes the built page in `folder`, which has the runtime folder at `runtimePath`. */
  async finish(
    folder: string,
    runtimePath: string,
    { isolation, csp = [], offline }: HostOptions,
  ): Promise<void> {
    const directives = csp === 'strict' ? [csp] : csp
    await this.#run([
      ...['finish', folder, '--runtime', runtimePath],
      ...(isolation === undefined ? [] : ['--isolation', isolation]),
      ...directives.flatMap((directive) => ['--csp', directive]),
      ...(offline === undefined ? [] : ['--offline', JSON.stringify(offlineFields(offline))]),
    ])
  }

  async #describe(): Promise<Description> {
    const { python, jobs, packages, onProgress } = this.#options
    const words = ['describe', jobs, '--resolve', ...packages]
    const { stdout, stderr } = await runDurably(python, words, onProgress)
    const described = stdout === '' ? null : (JSON.parse(stdout) as Described)
    if (described === null) throw new PythonError(stderr.trim().replace(/^durably: /m, ''))
    if ('error' in described) throw await explained(described.error)
    return described
  }

  async #pack(): Promise<void> {
    const { jobs, packages, engine, library, output } = this.#options
    const chosen = ['--options', JSON.stringify(engine), '--library', library]
    await this.#run(['runtime', jobs, '--output', output, ...chosen, ...packages])
  }

  async #run(words: string[]): Promise<void> {
    const { code, stderr } = await runDurably(this.#options.python, words, this.#options.onProgress)
    if (code !== 0) throw new PythonError(stderr.trim().replace(/^durably: /m, ''))
  }
}

/** As Python's `Offline` has them. */
function offlineFields(offline: boolean | OfflineBuildOptions): object {
  if (offline === false) return { enabled: false }
  const { navigationFallback = 'index.html', denylist, exclude } = offline === true ? {} : offline
  return { navigation_fallback: navigationFallback, denylist, exclude }
}

async function explained({ message, file, line, column }: Fault): Promise<PythonError> {
  const source = await readFile(file, 'utf8').catch(() => null)
  if (source === null) return new PythonError(message)
  return new JobsError(message, { file, line, column: column ?? 1 }, source)
}

async function filesBelow(folder: string): Promise<RuntimeFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(paths.map((path) => [relative(folder, path).replaceAll(sep, '/'), path]))
}
