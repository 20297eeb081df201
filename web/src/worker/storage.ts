import { explained, storageError } from '../opfs/errors'
import { copyDatabase, fillFile } from '../opfs/copy'
import { DatabaseFiles, fileOf, handlesOf, type Generation } from '../opfs/database-files'
import { OpfsFileSystem } from '../opfs/file-system'
import type { Folder } from '../opfs/folder'
import type { StorageInfo, StorageKind, StorageStatus } from '../protocol'
import type { Python } from './pyodide'
import { countTabs } from './tab-lock'

const MOUNT = '/database'
const INCOMING_MOUNT = '/incoming'

/** The database's files, and where Python finds them. Throws `DurablyError`s only. */
export class DatabaseStorage {
  readonly path: string
  readonly #kind: StorageKind
  readonly #database: string
  readonly #name: string
  readonly #files: DatabaseFiles
  #fileSystem: OpfsFileSystem | null = null

  private constructor(files: DatabaseFiles, kind: StorageKind, name: string) {
    this.#files = files
    this.#kind = kind
    this.#database = name
    this.#name = `${name}.db`
    this.path = `${MOUNT}/${this.#name}`
  }

  /** `onFatal` is called when only a new worker can go on. */
  static async open(
    folder: Folder,
    kind: StorageKind,
    name: string,
    onFatal: (error: unknown) => void,
  ): Promise<DatabaseStorage> {
    return new DatabaseStorage(await explained(() => DatabaseFiles.open(folder, onFatal)), kind, name)
  }

  // ---------------------------------------------------------------- in Python's file system

  /** Lets Python open the database. `onFatal` is called when the handles are lost. */
  mount(python: Python, onFatal: (error: unknown) => void): void {
    this.#fileSystem = new OpfsFileSystem(python.fs, this.#files.handles(this.#name), onFatal)
    this.#fileSystem.mountAt(MOUNT)
  }

  /** Nothing in Python may have the database open any more. */
  unmount(): void {
    this.#fileSystem?.unmount(MOUNT)
    this.#fileSystem = null
  }

  /** How often the WAL was flushed since it was mounted. */
  get walFlushes(): number {
    return this.#fileSystem?.counters[`${this.#name}-wal`]?.flushes ?? 0
  }

  /** By how much the database has become smaller: room that `reopen` makes, as far as the browser waits for that. */
  get released(): number {
    return this.#fileSystem?.counters[this.#name]?.bytesReleased ?? 0
  }

  reopen(): Promise<void> {
    return explained(() => this.#files.reopen())
  }

  // ---------------------------------------------------------------- figures

  async getStatus(): Promise<StorageStatus> {
    const isKept = this.#kind === 'opfs'
    // Asked for figures only: a browser that does not tell them stores all the same.
    const estimate = isKept ? await navigator.storage.estimate().catch(() => null) : null
    return {
      kind: this.#kind,
      usage: estimate?.usage ?? null,
      quota: estimate?.quota ?? null,
      isPersisted: isKept && (await navigator.storage.persisted().catch(() => false)),
      setAside: await explained(() => this.#files.listSetAside()),
    }
  }

  async getInfo(): Promise<StorageInfo> {
    const [status, tabs] = await Promise.all([this.getStatus(), this.#countTabs()])
    return { ...status, tabs, files: this.#fileSystem?.counters ?? {} }
  }

  /** What is in memory is this tab's alone. */
  async #countTabs(): Promise<number | null> {
    if (this.#kind === 'memory') return 1
    return countTabs(this.#database).catch(() => null)
  }

  // ---------------------------------------------------------------- the database as a whole

  /** The database as one file. It must be packed, and nothing may write to it meanwhile. */
  copy(): Blob {
    try {
      return copyDatabase(this.#files.database)
    } catch (error) {
      throw storageError(error)
    }
  }

  /**
   * A copy of `file` beside the database. `verify` is given the path at which Python finds it; nothing
   * is left of the copy when it throws.
   */
  async receive(python: Python, file: Blob, verify: (path: string) => void): Promise<Generation> {
    const incoming = await explained(() => this.#files.begin())
    try {
      await explained(() => fillFile(fileOf(incoming, ''), file))
      const fileSystem = new OpfsFileSystem(python.fs, handlesOf(incoming, this.#name), () => undefined)
      fileSystem.mountAt(INCOMING_MOUNT)
      try {
        verify(`${INCOMING_MOUNT}/${this.#name}`)
      } finally {
        fileSystem.unmount(INCOMING_MOUNT)
      }
      return incoming
    } catch (error) {
      await this.#files.discard(incoming)
      throw error
    }
  }

  adopt(generation: Generation): Promise<void> {
    return explained(() => this.#files.adopt(generation))
  }

  clear(): Promise<void> {
    return explained(() => this.#files.clear())
  }

  setAside(reason: string): Promise<void> {
    return explained(() => this.#files.setAside(reason))
  }

  readSetAside(generation: number): Promise<File[]> {
    return explained(() => this.#files.readSetAside(generation))
  }

  deleteSetAside(generation: number): Promise<void> {
    return explained(() => this.#files.deleteSetAside(generation))
  }

  tidy(): Promise<void> {
    return this.#files.tidy()
  }
}
