import type { loadPyodide, PyodideInterface } from 'pyodide'
import { ERRNO, type EmscriptenFs } from '../opfs/emscripten'
import { OpfsFileSystem } from '../opfs/file-system'
import type { Handles } from '../opfs/handles'
import { fetched, type Manifest } from './manifest'

export const DATABASE_FOLDER = '/database'
const APP_FOLDER = '/app'

/** Python with the app on its path, and its file system. */
export interface Python {
  pyodide: PyodideInterface
  fs: EmscriptenFs
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

/** Loads Pyodide and unpacks the app. `progress` runs from 0 to 1. */
export async function loadPython(
  runtimeUrl: string,
  manifest: Manifest,
  progress: (part: number) => void,
): Promise<Python> {
  const indexUrl = new URL(manifest.pyodide.url, runtimeUrl)
  const archive = fetched(new URL(manifest.app.url, runtimeUrl)).then((response) => response.arrayBuffer())
  // Awaited only once Python is up; a failure until then is not unhandled.
  archive.catch(() => undefined)
  const [{ loadPyodide }, { default: createModule }] = await Promise.all([
    import(/* @vite-ignore */ new URL('pyodide.mjs', indexUrl).href) as Promise<PyodideLoader>,
    import(/* @vite-ignore */ new URL('pyodide.asm.mjs', indexUrl).href) as Promise<{
      default: (settings: Settings) => Promise<EmscriptenModule>
    }>,
  ])
  progress(0.1)
  let module: EmscriptenModule | undefined
  const create = async (settings: Settings): Promise<EmscriptenModule> => {
    routeSyncToFileSystem(settings, () => module?.FS)
    module = await createModule(settings)
    return module
  }
  const pyodide = await loadPyodide({
    indexURL: indexUrl.href,
    checkAPIVersion: true,
    env: { HOME: '/home/pyodide', PYTHONPATH: APP_FOLDER, PYDANTIC_DISABLE_PLUGINS: '__all__' },
    createPyodideModule: create as unknown as NonNullable<
      NonNullable<Parameters<typeof loadPyodide>[0]>['createPyodideModule']
    >,
  })
  // Python is dead after a fatal error and answers no one: the worker ends, the page starts another.
  const { _api: api } = pyodide as unknown as { _api: { on_fatal?: () => void } }
  api.on_fatal = () => self.close()
  if (module === undefined) throw new Error('Pyodide did not use the module factory it was given.')
  progress(0.7)
  pyodide.unpackArchive(await archive, 'zip', { extractDir: APP_FOLDER })
  // Python looked at the folder when it started, and remembers that there was none.
  const importlib = pyodide.pyimport('importlib') as { invalidate_caches(): void }
  importlib.invalidate_caches()
  progress(1)
  return { pyodide, fs: module.FS }
}

/** Mounts the database's files where Python's `sqlite3` can open them. */
export function mountDatabase(
  python: Python,
  handles: Handles,
  onFatal: (error: unknown) => void,
): OpfsFileSystem {
  const fileSystem = new OpfsFileSystem(python.fs, handles, onFatal)
  fileSystem.mountAt(DATABASE_FOLDER)
  return fileSystem
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
