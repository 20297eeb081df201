import type { loadPyodide, PyodideInterface } from 'pyodide'
import { ERRNO, type EmscriptenFs } from '../opfs/emscripten'

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
}

interface PyodideLoader {
  loadPyodide: typeof loadPyodide
}

/** What this file touches of Emscripten's settings and module. */
interface Settings {
  instantiateWasm(imports: Imports, done: unknown): unknown
}
interface Imports {
  env: Record<string, unknown>
}
interface EmscriptenModule {
  FS: EmscriptenFs
}

/**
 * Starts the Pyodide that lies in the folder `indexUrl`, with SQLite's sync reaching our file system.
 * Knows nothing of the worker around it: the simulation of power cuts starts the same Python in Node.
 */
export async function startPython(indexUrl: URL, options: PythonOptions): Promise<Python> {
  const [{ loadPyodide }, { default: createModule }] = await Promise.all([
    import(
      /* @vite-ignore */ /* webpackIgnore: true */ new URL('pyodide.mjs', indexUrl).href
    ) as Promise<PyodideLoader>,
    import(
      /* @vite-ignore */ /* webpackIgnore: true */ new URL('pyodide.asm.mjs', indexUrl).href
    ) as Promise<{
      default: (settings: Settings) => Promise<EmscriptenModule>
    }>,
  ])
  options.onLoaded?.()
  let module: EmscriptenModule | undefined
  const create = async (settings: Settings): Promise<EmscriptenModule> => {
    routeSyncToFileSystem(settings, () => module?.FS)
    module = await createModule(settings)
    return module
  }
  const pyodide = await loadPyodide({
    // In Node, Pyodide reads its files by path.
    indexURL: indexUrl.protocol === 'file:' ? decodeURIComponent(indexUrl.pathname) : indexUrl.href,
    checkAPIVersion: true,
    env: options.env,
    createPyodideModule: create as unknown as NonNullable<
      NonNullable<Parameters<typeof loadPyodide>[0]>['createPyodideModule']
    >,
  })
  const { _api: api } = pyodide as unknown as { _api: { on_fatal?: (error: unknown) => void } }
  api.on_fatal = options.onFatal
  if (module === undefined) throw new Error('Pyodide did not use the module factory it was given.')
  return { pyodide, fs: module.FS }
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
