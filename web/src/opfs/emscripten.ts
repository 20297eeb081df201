/** The part of Emscripten's file system interface that ours implements. */

export interface FsNode {
  id: number
  name: string
  mode: number
  node_ops: NodeOps
  stream_ops: StreamOps
}

export interface FsStream {
  node: FsNode
  position: number
  stream_ops?: Partial<StreamOps>
}

export interface Attributes {
  dev: number
  ino: number
  mode: number
  nlink: number
  uid: number
  gid: number
  rdev: number
  size: number
  atime: Date
  mtime: Date
  ctime: Date
  blksize: number
  blocks: number
}

export interface NodeOps {
  getattr(node: FsNode): Attributes
  setattr(node: FsNode, attributes: { size?: number }): void
  lookup(parent: FsNode, name: string): FsNode
  mknod(parent: FsNode, name: string, mode: number, dev: number): FsNode
  unlink(parent: FsNode, name: string): void
  readdir(node: FsNode): string[]
  rename(): never
  rmdir(): never
  symlink(): never
  readlink(): never
}

export interface StreamOps {
  open(stream: FsStream): void
  close(stream: FsStream): void
  read(stream: FsStream, buffer: Uint8Array, offset: number, length: number, position: number): number
  write(stream: FsStream, buffer: Uint8Array, offset: number, length: number, position: number): number
  llseek(stream: FsStream, offset: number, whence: number): number
  fsync(stream: FsStream): number
}

export interface EmscriptenFs {
  ErrnoError: new (errno: number) => Error & { errno: number }
  createNode(parent: FsNode | null, name: string, mode: number, dev: number): FsNode
  isDir(mode: number): boolean
  getStream(fd: number): FsStream | null
  mkdirTree(path: string): void
  mount(type: { mount(): FsNode }, options: object, path: string): void
  unmount(path: string): void
  rmdir(path: string): void
}

export const ERRNO = {
  EBUSY: 10,
  EINVAL: 28,
  EIO: 29,
  EMFILE: 33,
  ENOENT: 44,
  ENOSPC: 51,
  EPERM: 63,
} as const
