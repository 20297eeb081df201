import type { loadPyodide, PyodideInterface } from 'pyodide'
import { ERRNO, type EmscriptenFs, type FsNode } from '../opfs/emscripten'
import type { ArchivedFile } from './archive'
import type { Snapshot } from './snapshots'

/** Python and its file system. */
export interface Python {
  pyodide: PyodideInterface
  fs: EmscriptenFs
}

export interface PythonOptions {
  env: Record<string, string>
  /** Python is dead from here on and answers no one. */
  onFatal: (error: unknown) => void
  /** Pyodide's own files are there; it starts. */
  onLoaded?: () => void
  /** Files that Python finds when it starts. */
  app?: Promise<App>
  /** Python's memory as it was before, with the same app. */
  snapshot?: Promise<Snapshot | null>
  /** `snapshotOf` is to work. */
  isToBeKept?: boolean
}

export interface App {
  folder: string
  files: readonly ArchivedFile[]
  /** A shared library among the files, which is loaded before Python starts: so it is where a snapshot expects it. */
  library: { path: string; module: WebAssembly.Module } | null
}

interface PyodideLoader {
  loadPyodide: typeof loadPyodide
}
type CreateModule = (settings: Settings) => Promise<EmscriptenModule>

/** What this file touches of Emscripten's settings and module, and of Pyodide's options. */
interface Settings {
  instantiateWasm(imports: Imports, done: unknown): unknown
  preRun: ((module: EmscriptenModule) => void)[]
}
interface Imports {
  env: Record<string, unknown>
}
interface ModuleFs extends EmscriptenFs {
  mknod(path: string, mode: number, dev: number): FsNode
}
interface EmscriptenModule {
  FS: ModuleFs
  HEAP8: Int8Array
  wasmTable: WebAssembly.Table
  LDSO: { loadedLibsByHandle: Record<number, Library> }
  addRunDependency(name: string): void
  removeRunDependency(name: string): void
  newDSO(name: string, handle: undefined, exports: 'loading'): Library
  loadWebAssemblyModule(
    module: WebAssembly.Module,
    flags: object,
    name: string,
    scope: object,
  ): Promise<object>
  growMemory(bytes: number): void
}
interface Library {
  refcount: number
  global: boolean
  exports: unknown
}
interface UnstableOptions {
  _makeSnapshot?: boolean
  _loadSnapshot?: PromiseLike<Uint8Array>
}
interface UnstablePython {
  _api: { on_fatal?: (error: unknown) => void }
  makeMemorySnapshot(): Uint8Array<ArrayBuffer>
}

/** A snapshot that does not fit: nothing of Python has started yet. */
export class SnapshotError extends Error {}

const modules = new WeakMap<PyodideInterface, { module: EmscriptenModule; tableLength: number }>()

/** Has its code fetched beforehand: what fails is told by the start. */
export function preload(indexUrl: URL): void {
  importLoader(indexUrl).catch(() => undefined)
}

function importLoader(indexUrl: URL): Promise<[PyodideLoader, { default: CreateModule }]> {
  const load = (name: string): Promise<unknown> =>
    import(/* @vite-ignore */ /* webpackIgnore: true */ new URL(name, indexUrl).href)
  return Promise.all([
    load('pyodide.mjs') as Promise<PyodideLoader>,
    load('pyodide.asm.mjs') as Promise<{ default: CreateModule }>,
  ])
}

/**
 * Starts the Pyodide that lies in the folder `indexUrl`, with SQLite's sync reaching our file system.
 * Knows nothing of the worker around it: the simulation of power cuts starts the same Python in Node.
 */
export async function startPython(indexUrl: URL, options: PythonOptions): Promise<Python> {
  const [{ loadPyodide }, { default: createModule }] = await importLoader(indexUrl)
  options.onLoaded?.()
  const snapshot = (await options.snapshot) ?? null
  let module: EmscriptenModule | undefined
  let tableLength = 0
  const create = async (settings: Settings): Promise<EmscriptenModule> => {
    routeSyncToFileSystem(settings, () => module?.FS)
    const app = options.app
    // A step of Emscripten's own preparations that fails would leave everyone waiting for ever.
    const failed = new Promise<never>((_, reject) => {
      settings.preRun.push((starting) => {
        if (app === undefined) return
        starting.addRunDependency('app')
        tableLength = starting.wasmTable.length
        installed(starting, app, snapshot).then(() => starting.removeRunDependency('app'), reject)
      })
    })
    module = await Promise.race([createModule(settings), failed])
    const missing = (snapshot?.memory.length ?? 0) - module.HEAP8.length
    // Pyodide copies the memory into what there is.
    if (missing > 0) module.growMemory(module.HEAP8.length + missing)
    return module
  }
  const unstable: UnstableOptions = { ...(options.isToBeKept === true ? { _makeSnapshot: true } : {}) }
  if (snapshot !== null) unstable._loadSnapshot = onlyOnce(snapshot)
  const pyodide = await loadPyodide({
    // In Node, Pyodide reads its files by path.
    indexURL: indexUrl.protocol === 'file:' ? decodeURIComponent(indexUrl.pathname) : indexUrl.href,
    checkAPIVersion: true,
    env: options.env,
    createPyodideModule: create as unknown as NonNullable<
      NonNullable<Parameters<typeof loadPyodide>[0]>['createPyodideModule']
    >,
    ...unstable,
  })
  const { _api: api } = pyodide as unknown as UnstablePython
  api.on_fatal = options.onFatal
  if (module === undefined) throw new Error('Pyodide did not use the module factory it was given.')
  modules.set(pyodide, { module, tableLength })
  return { pyodide, fs: module.FS }
}

/** Python's memory as it is. No JavaScript object may be in it, and nothing may wait in its event loop. */
export function snapshotOf({ pyodide }: Python): Snapshot {
  const started = modules.get(pyodide)
  if (started === undefined) throw new Error('This Python was not started here.')
  const handles = Object.keys(started.module.LDSO.loadedLibsByHandle).map(Number)
  return {
    memory: (pyodide as unknown as UnstablePython).makeMemorySnapshot(),
    facts: { tableLength: started.tableLength, handles: handles.filter((handle) => handle !== 0) },
  }
}

/** Bytes: what Python has had at once, at most. */
export function memoryOf({ pyodide }: Python): number {
  return modules.get(pyodide)?.module.HEAP8.length ?? 0
}

/** Pyodide keeps what it is given for life: tens of megabytes that no one needs any more. */
function onlyOnce(snapshot: Snapshot): PromiseLike<Uint8Array> {
  let memory: Uint8Array<ArrayBuffer> | null = snapshot.memory
  return {
    then: (resolve, reject) => {
      const once = memory
      memory = null
      const given =
        once === null ? Promise.reject<Uint8Array>(new Error('It was given already.')) : Promise.resolve(once)
      return given.then(resolve, reject)
    },
  }
}

async function installed(
  module: EmscriptenModule,
  wanted: Promise<App>,
  snapshot: Snapshot | null,
): Promise<void> {
  if (snapshot !== null && snapshot.facts.tableLength !== module.wasmTable.length) {
    throw new SnapshotError('The snapshot was made where functions are laid out in another way.')
  }
  const { folder, files, library } = await wanted
  for (const file of files) install(module.FS, `${folder}/${file.path}`, file)
  if (library === null) return
  // What `dlopen` would do, before Python starts: the library's functions and data are where they were.
  const loaded = module.newDSO(`${folder}/${library.path}`, undefined, 'loading')
  loaded.refcount = Infinity
  loaded.global = false
  loaded.exports = await module.loadWebAssemblyModule(
    library.module,
    { loadAsync: true, nodelete: true, allowUndefined: false },
    `${folder}/${library.path}`,
    {},
  )
  for (const handle of snapshot?.facts.handles ?? []) module.LDSO.loadedLibsByHandle[handle] = loaded
}

const REGULAR_FILE = 0o100644

/** A file that is unpacked when it is read first: most never are. */
function install(fs: ModuleFs, path: string, file: ArchivedFile): void {
  fs.mkdirTree(path.slice(0, path.lastIndexOf('/')))
  const node = fs.mknod(path, REGULAR_FILE, 0) as FsNode & { usedBytes: number }
  node.usedBytes = file.size
  Object.defineProperty(node, 'contents', {
    configurable: true,
    enumerable: true,
    get: () => become(file.read()),
    set: (value: Uint8Array) => become(value),
  })
  const become = (value: Uint8Array): Uint8Array => {
    Object.defineProperty(node, 'contents', { value, configurable: true, enumerable: true, writable: true })
    return value
  }
}

/**
 * SQLite syncs with `fdatasync`, for which Emscripten has a function that does nothing. The import
 * is replaced before the module is instantiated, so that SQLite's sync reaches `fsync` of our file
 * system at exactly the points at which SQLite relies on it.
 */
function routeSyncToFileSystem(settings: Settings, fs: () => EmscriptenFs | undefined): void {
  const instantiate = settings.instantiateWasm.bind(settings)
  settings.instantiateWasm = (imports, done) => {
    if (typeof imports.env.__syscall_fdatasync !== 'function') {
      throw new Error('This Pyodide has no __syscall_fdatasync: writes could not be made durable.')
    }
    imports.env.__syscall_fdatasync = (fd: number): number => {
      try {
        const stream = fs()?.getStream(fd)
        // Files outside of ours live in memory and have no `fsync`.
        return stream?.stream_ops?.fsync?.(stream) ?? 0
      } catch (error) {
        // An exception that leaves a system call would end Python for good.
        return -(error instanceof Error && 'errno' in error ? Number(error.errno) : ERRNO.EIO)
      }
    }
    return instantiate(imports, done)
  }
}
