import { BufferedFile, type FileCounters, type Handle } from './buffered-file'
import {
  ERRNO,
  type EmscriptenFs,
  type FsNode,
  type FsStream,
  type NodeOps,
  type StreamOps,
} from './emscripten'

const DIRECTORY = 0o040777
const FILE = 0o100666
const EPOCH = new Date(0)
const WAL = '-wal'

export interface FileFigures extends FileCounters {
  bytes: number
  bytesReleased: number
}

/**
 * Emscripten's file system over OPFS access handles: one folder that holds the files of one
 * database. Python's own `sqlite3` opens them by path.
 *
 * Invariants:
 * - `fsync` returns after the handle's `flush`: what SQLite believes to be on disk is on disk.
 * - A file of size 0 that was not opened yet does not exist; `live` holds the others.
 * - The WAL holds room ahead until the reserve is spent, so that runs can be ended in a full storage.
 * - No exception but `ErrnoError` leaves an operation: any other would end Python for good, with its
 *   callers waiting for ever. `onFatal` hears of those that mean that the handles are lost.
 */
export class OpfsFileSystem {
  readonly #fs: EmscriptenFs
  readonly #files: ReadonlyMap<string, BufferedFile>
  readonly #live = new Set<string>()
  readonly #onFatal: (error: unknown) => void

  constructor(fs: EmscriptenFs, handles: ReadonlyMap<string, Handle>, onFatal: (error: unknown) => void) {
    this.#fs = fs
    this.#onFatal = onFatal
    this.#files = new Map([...handles].map(([name, handle]) => [name, this.#buffered(name, handle)]))
    for (const [name, file] of this.#files) if (file.size > 0) this.#live.add(name)
  }

  #buffered(name: string, handle: Handle): BufferedFile {
    if (!name.endsWith(WAL)) return new BufferedFile(handle)
    // What is refused for that is what the reserve is spent for: from then on the room ahead is used.
    const reserve = `${name.slice(0, -WAL.length)}-reserve`
    return new BufferedFile(handle, () => (this.#files.get(reserve)?.size ?? 0) > 0)
  }

  /** What reached each file, its size, and the room that it had and gave back, by name. */
  get counters(): Record<string, FileFigures> {
    return Object.fromEntries(
      [...this.#files].map(([name, file]) => [
        name,
        { ...file.counters, bytes: file.size, bytesReleased: file.released },
      ]),
    )
  }

  mountAt(path: string): void {
    this.#fs.mkdirTree(path)
    this.#fs.mount({ mount: () => this.#createNode(null, '/', DIRECTORY, 0) }, {}, path)
  }

  unmount(path: string): void {
    this.#fs.unmount(path)
    this.#fs.rmdir(path)
  }

  #createNode(parent: FsNode | null, name: string, mode: number, dev: number): FsNode {
    const node = this.#fs.createNode(parent, name, mode, dev)
    node.node_ops = this.#nodeOps
    node.stream_ops = this.#streamOps
    return node
  }

  readonly #nodeOps: NodeOps = {
    getattr: (node) => {
      const size = this.#fs.isDir(node.mode) ? 4096 : this.#file(node).size
      return {
        dev: 1,
        ino: node.id,
        mode: node.mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        size,
        atime: EPOCH,
        mtime: EPOCH,
        ctime: EPOCH,
        blksize: 4096,
        blocks: Math.ceil(size / 512),
      }
    },
    setattr: (node, { size }) => {
      if (size !== undefined) this.#guard(() => this.#file(node).truncate(size))
    },
    lookup: (parent, name) => {
      if (!this.#live.has(name)) throw this.#errno(ERRNO.ENOENT)
      return this.#createNode(parent, name, FILE, 0)
    },
    mknod: (parent, name, mode, dev) => {
      // Handles can't be opened here, only beforehand: no other names exist.
      if (!this.#files.has(name)) throw this.#errno(ERRNO.EMFILE)
      this.#live.add(name)
      return this.#createNode(parent, name, mode, dev)
    },
    unlink: (_parent, name) => {
      const file = this.#files.get(name)
      if (file === undefined) throw this.#errno(ERRNO.ENOENT)
      this.#guard(() => file.erase())
      this.#live.delete(name)
    },
    readdir: () => ['.', '..', ...this.#live],
    rename: () => this.#refuse(),
    rmdir: () => this.#refuse(),
    symlink: () => this.#refuse(),
    readlink: () => this.#refuse(),
  }

  readonly #streamOps: StreamOps = {
    open: () => undefined,
    close: () => undefined,
    read: (stream, buffer, offset, length, position) =>
      this.#guard(() => this.#file(stream.node).read(buffer.subarray(offset, offset + length), position)),
    write: (stream, buffer, offset, length, position) =>
      this.#guard(() => this.#file(stream.node).write(buffer.subarray(offset, offset + length), position)),
    llseek: (stream, offset, whence) => this.#seek(stream, offset, whence),
    fsync: (stream) => {
      // On the folder there is nothing left to do: `unlink` is durable when it returns.
      if (!this.#fs.isDir(stream.node.mode)) this.#guard(() => this.#file(stream.node).flush())
      return 0
    },
  }

  #seek(stream: FsStream, offset: number, whence: number): number {
    const start = whence === 1 ? stream.position : whence === 2 ? this.#file(stream.node).size : 0
    if (start + offset < 0) throw this.#errno(ERRNO.EINVAL)
    return start + offset
  }

  #file(node: FsNode): BufferedFile {
    const file = this.#files.get(node.name)
    if (file === undefined) throw this.#errno(ERRNO.ENOENT)
    return file
  }

  #guard<Result>(operation: () => Result): Result {
    try {
      return operation()
    } catch (error) {
      if (error instanceof this.#fs.ErrnoError) throw error
      if (error instanceof DOMException && error.name === 'QuotaExceededError')
        throw this.#errno(ERRNO.ENOSPC)
      this.#onFatal(error)
      throw this.#errno(ERRNO.EIO)
    }
  }

  #errno(errno: number): Error {
    return new this.#fs.ErrnoError(errno)
  }

  #refuse(): never {
    throw this.#errno(ERRNO.EPERM)
  }
}
