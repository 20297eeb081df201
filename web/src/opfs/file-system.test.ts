import { describe, expect, test } from 'vitest'
import type { Handle } from './buffered-file'
import { ERRNO, type EmscriptenFs, type FsNode, type FsStream } from './emscripten'
import { OpfsFileSystem } from './file-system'

class ErrnoError extends Error {
  readonly errno: number
  constructor(errno: number) {
    super(`errno ${errno}`)
    this.errno = errno
  }
}

/** A handle whose every call throws `fault`, once it is set. */
class FaultyHandle implements Handle {
  fault: Error | undefined
  getSize = (): number => this.#try(0)
  read = (): number => this.#try(0)
  write = (from: Uint8Array): number => this.#try(from.length)
  truncate = (): void => this.#try(undefined)
  flush = (): void => this.#try(undefined)

  #try<Result>(result: Result): Result {
    if (this.fault !== undefined) throw this.fault
    return result
  }
}

function mounted(): { handle: FaultyHandle; root: FsNode; fatal: unknown[] } {
  let root: FsNode | undefined
  let lastId = 0
  const fs: EmscriptenFs = {
    ErrnoError,
    createNode: (_parent, name, mode) => ({ id: ++lastId, name, mode }) as FsNode,
    isDir: (mode) => (mode & 0o170000) === 0o040000,
    getStream: () => null,
    mkdirTree: () => undefined,
    mount: (type) => (root = type.mount()),
    unmount: () => undefined,
    rmdir: () => undefined,
  }
  const handle = new FaultyHandle()
  const fatal: unknown[] = []
  new OpfsFileSystem(fs, new Map([['a.db', handle]]), (error) => fatal.push(error)).mountAt('/database')
  if (root === undefined) throw new Error('nothing was mounted')
  return { handle, root, fatal }
}

function open({ root }: { root: FsNode }): FsStream {
  return { node: root.node_ops.mknod(root, 'a.db', 0o100666, 0), position: 0 }
}

function errnoOf(operation: () => unknown): number | undefined {
  try {
    operation()
  } catch (error) {
    if (error instanceof ErrnoError) return error.errno
    throw error
  }
  return undefined
}

const PAGE = new Uint8Array(4096)

describe('the file system', () => {
  test('has no file that was never written', () => {
    const { root } = mounted()
    expect(errnoOf(() => root.node_ops.lookup(root, 'a.db'))).toBe(ERRNO.ENOENT)
    expect(root.node_ops.readdir(root)).toEqual(['.', '..'])
  })

  test('has a file from its creation to its removal', () => {
    const site = mounted()
    open(site)
    expect(site.root.node_ops.readdir(site.root)).toEqual(['.', '..', 'a.db'])
    site.root.node_ops.unlink(site.root, 'a.db')
    expect(site.root.node_ops.readdir(site.root)).toEqual(['.', '..'])
  })

  test('refuses files that it has no handle for', () => {
    const { root } = mounted()
    expect(errnoOf(() => root.node_ops.mknod(root, 'b.db', 0o100666, 0))).toBe(ERRNO.EMFILE)
    expect(errnoOf(() => root.node_ops.rename())).toBe(ERRNO.EPERM)
  })

  const faults: [name: string, errno: number, isFatal: boolean][] = [
    ['QuotaExceededError', ERRNO.ENOSPC, false],
    ['InvalidStateError', ERRNO.EIO, true],
    ['NotFoundError', ERRNO.EIO, true],
    ['UnknownError', ERRNO.EIO, true],
  ]
  for (const [name, errno, isFatal] of faults) {
    test(`turns ${name} into an errno in every operation`, () => {
      const site = mounted()
      const stream = open(site)
      const { node_ops: nodeOps } = site.root
      const ops = stream.node.stream_ops
      site.handle.fault = new DOMException('the test wants it so', name)
      const operations = [
        () => ops.read(stream, PAGE, 0, 10, 0),
        () => (ops.write(stream, PAGE, 0, 4096, 0), ops.fsync(stream)),
        () => ops.fsync(stream),
        () => nodeOps.setattr(stream.node, { size: 0 }),
        () => nodeOps.unlink(site.root, 'a.db'),
      ]
      expect(operations.map(errnoOf)).toEqual(operations.map(() => errno))
      expect(site.fatal.length > 0).toBe(isFatal)
    })
  }

  test('turns an exception of any kind into an errno', () => {
    const site = mounted()
    const stream = open(site)
    const fault = new TypeError('the test wants it so')
    site.handle.fault = fault
    expect(errnoOf(() => stream.node.stream_ops.fsync(stream))).toBe(ERRNO.EIO)
    expect(site.fatal).toEqual([fault])
  })

  test('seeks from start, position and end', () => {
    const site = mounted()
    const stream = open(site)
    const ops = stream.node.stream_ops
    ops.write(stream, PAGE, 0, 100, 0)
    stream.position = 10
    expect([ops.llseek(stream, 5, 0), ops.llseek(stream, 5, 1), ops.llseek(stream, -5, 2)]).toEqual([
      5, 15, 95,
    ])
    expect(errnoOf(() => ops.llseek(stream, -1, 0))).toBe(ERRNO.EINVAL)
  })
})
