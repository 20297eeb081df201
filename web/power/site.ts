import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { PyProxy } from 'pyodide/ffi'
import type { Handle } from '../src/opfs/buffered-file'
import type { EmscriptenFs, FsNode } from '../src/opfs/emscripten'
import { OpfsFileSystem } from '../src/opfs/file-system'
import { startPython, type Python } from '../src/worker/pyodide'

/** The files of the database, as the worker mounts them. */
export const FILES = ['main.db', 'main.db-journal', 'main.db-wal', 'main.db-reserve'] as const

/** Changes the nodes of a file system before it is mounted. */
export type Plant = (root: FsNode) => void

/** `tests/power/session.py`. */
export interface Session {
  record(
    workload: string,
    path: string,
    seed: number,
    position: () => number,
    onCommit: () => void,
  ): Recording
  trial(scene: string, arm: (armed: boolean) => void): Trial
  filling(giveRoom: () => void): Filling
}

/** `tests/power/filling.py`. */
export interface Filling extends PyProxy {
  live(path: string): string
}

/** `tests/power/trial.py`. Answers are what went wrong, or nothing. */
export interface Trial extends PyProxy {
  begin(path: string): string
  live(path: string, isLost: () => boolean): string
  recover(path: string): string
}

export interface Recording extends PyProxy {
  summary(): string
  verify(path: string, cut: number, position: () => number): string
}

/** Python in Node, with the engine of this repository and the file system of the browser. */
export class Site {
  readonly session: Session
  readonly #fs: EmscriptenFs
  #mounts = 0

  private constructor({ pyodide, fs }: Python) {
    this.session = pyodide.pyimport('tests.power.session') as Session
    this.#fs = fs
  }

  /** `root` is the folder of the repository. */
  static async open(root: string): Promise<Site> {
    const python = await startPython(pathToFileURL(join(root, 'build/pyodide/')), {
      env: {
        HOME: '/home/pyodide',
        PYTHONPATH: '/repository:/wheels',
        PYTHONDONTWRITEBYTECODE: '1',
        PYDANTIC_DISABLE_PLUGINS: '__all__',
      },
      onFatal: (error) => {
        console.error('Python is dead:', error)
        process.exit(1)
      },
    })
    const wheels = join(root, 'build/wheels')
    for (const name of readdirSync(wheels).filter((name) => name.endsWith('.whl'))) {
      python.pyodide.unpackArchive(new Uint8Array(readFileSync(join(wheels, name))).buffer, 'zip', {
        extractDir: '/wheels',
      })
    }
    for (const folder of ['durably_core', 'tests']) {
      python.pyodide.mountNodeFS(`/repository/${folder}`, join(root, folder))
    }
    const importlib = python.pyodide.pyimport('importlib') as { invalidate_caches(): void }
    importlib.invalidate_caches()
    return new Site(python)
  }

  /** The result of `work`, which is given the path at which Python finds these handles meanwhile. */
  mounted<Result>(
    handles: ReadonlyMap<string, Handle>,
    work: (path: string) => Result,
    { plant = () => undefined, onFatal = () => undefined }: MountOptions = {},
  ): Result {
    const folder = `/mount-${this.#mounts++}`
    const fs: EmscriptenFs = {
      ErrnoError: this.#fs.ErrnoError,
      createNode: (parent, name, mode, dev) => this.#fs.createNode(parent, name, mode, dev),
      isDir: (mode) => this.#fs.isDir(mode),
      getStream: (fd) => this.#fs.getStream(fd),
      mkdirTree: (path) => this.#fs.mkdirTree(path),
      mount: (type, options, path) => {
        const root = type.mount()
        plant(root)
        this.#fs.mount({ mount: () => root }, options, path)
      },
      unmount: (path) => this.#fs.unmount(path),
      rmdir: (path) => this.#fs.rmdir(path),
    }
    const fileSystem = new OpfsFileSystem(fs, handles, onFatal)
    fileSystem.mountAt(folder)
    try {
      return work(`${folder}/main.db`)
    } finally {
      fileSystem.unmount(folder)
    }
  }
}

interface MountOptions {
  plant?: Plant
  onFatal?: (error: unknown) => void
}
