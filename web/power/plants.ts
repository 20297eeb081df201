import type { Handle } from '../src/opfs/buffered-file'
import type { FsNode, FsStream } from '../src/opfs/emscripten'
import type { RecordingDisk } from './disk'
import type { Plant } from './site'

/** A fault that is planted in what carries a workload. The simulation is worth what it finds of them. */
export interface PlantedFault {
  title: string
  /** The fault is there once so many commits have returned: what it does to a new file is found at once. */
  afterCommits: number
  prepare(disk: RecordingDisk, isThere: () => boolean): Planted
}

interface Planted {
  handles: ReadonlyMap<string, Handle>
  plant: Plant
  /** Called when a commit has returned. */
  onCommit: () => void
}

const FILE = 0o100666
const MIGRATED = 4
const isWal = (stream: FsStream): boolean => stream.node.name.endsWith('-wal')
const streamOf = (root: FsNode, name: string): FsStream => ({
  node: { ...root, name, mode: FILE },
  position: 0,
})

function syncOf(root: FsNode): (stream: FsStream) => number {
  const operations = { ...root.stream_ops }
  return (stream) => operations.fsync(stream)
}

/** All nodes of a mount share one table of operations each, so that changing the root's changes all. */
function changed(disk: RecordingDisk, plant: Plant): Planted {
  return { handles: disk.handles, plant, onCommit: () => undefined }
}

function eachHandle(disk: RecordingDisk, change: (handle: Handle) => Handle): ReadonlyMap<string, Handle> {
  return new Map([...disk.handles].map(([name, handle]) => [name, change(handle)]))
}

export const PLANTED_FAULTS: Record<string, PlantedFault> = {
  'no-sync': {
    title: 'fdatasync is left as it is: it does nothing',
    afterCommits: MIGRATED,
    prepare: (disk, isThere) =>
      changed(disk, (root) => {
        const fsync = syncOf(root)
        root.stream_ops.fsync = (stream) => (isThere() ? 0 : fsync(stream))
      }),
  },
  'wal-by-hand': {
    title: 'the WAL is flushed by hand after each commit, and nothing else is',
    afterCommits: MIGRATED,
    prepare: (disk, isThere) => {
      let flushWal = (): unknown => undefined
      const plant: Plant = (root) => {
        const fsync = syncOf(root)
        flushWal = () => fsync(streamOf(root, 'main.db-wal'))
        root.stream_ops.fsync = (stream) => (isThere() ? 0 : fsync(stream))
      }
      return { ...changed(disk, plant), onCommit: () => void flushWal() }
    },
  },
  'lazy-unlink': {
    title: 'unlink empties the file, and does not flush it',
    // The journal is deleted at the switch to WAL, before the first commit.
    afterCommits: 0,
    prepare: (disk) => {
      let unlinking = false
      const handles = eachHandle(disk, (handle) => ({
        ...handle,
        flush: () => {
          if (!unlinking) handle.flush()
        },
      }))
      const plant: Plant = (root) => {
        const operations = { ...root.node_ops }
        root.node_ops.unlink = (parent, name) => {
          unlinking = true
          try {
            operations.unlink(parent, name)
          } finally {
            unlinking = false
          }
        }
      }
      return { ...changed(disk, plant), handles }
    },
  },
  'checkpoint-order': {
    title: 'the WAL is used again before the database file is flushed',
    afterCommits: MIGRATED,
    prepare: (disk, isThere) =>
      changed(disk, (root) => {
        const fsync = syncOf(root)
        let owed: FsStream | undefined
        root.stream_ops.fsync = (stream) => {
          if (!isWal(stream) && isThere()) {
            owed = stream
            return 0
          }
          const result = fsync(stream)
          if (owed !== undefined) fsync(owed)
          owed = undefined
          return result
        }
      }),
  },
  'late-buffer': {
    title: 'the last bytes of a buffer reach the file only after its flush',
    afterCommits: MIGRATED,
    prepare: (disk, isThere) => ({
      ...changed(disk, () => undefined),
      handles: eachHandle(disk, (handle) => heldBack(handle, isThere)),
    }),
  },
}

/** A handle that keeps the last write back until something else than a flush needs it. */
function heldBack(handle: Handle, isThere: () => boolean): Handle {
  let held: { bytes: Uint8Array; at: number } | undefined
  const release = (): void => {
    if (held !== undefined) handle.write(held.bytes, { at: held.at })
    held = undefined
  }
  return {
    getSize: () => (release(), handle.getSize()),
    read: (into, options) => (release(), handle.read(into, options)),
    truncate: (size) => {
      release()
      handle.truncate(size)
    },
    write: (from, { at }) => {
      release()
      if (!isThere()) return handle.write(from, { at })
      held = { bytes: from.slice(), at }
      return from.length
    },
    flush: () => handle.flush(),
  }
}
