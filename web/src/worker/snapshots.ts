/**
 * Python's memory with the engine imported, kept on this device: what a start would do again each time. One file in
 * the origin's private file system, named by what it was made of. It can be missing, outdated or damaged at any
 * time, which costs a start some time and nothing else.
 */

const FOLDER = 'durably-snapshots'
/** Says that a start from it went wrong: it is not made again. */
const REFUSED = '.refused'
/** Many may have such a handle at a time. Browsers that don't know the mode give one to one tab alone. */
const READ_ONLY = { mode: 'read-only' }
const AMPLE_BYTES = 500_000_000
/** Room for what is said of the memory, which follows. */
const HEADER_BYTES = 4096

export interface Snapshot {
  memory: Uint8Array<ArrayBuffer>
  facts: SnapshotFacts
}

/** With what Chromium has beyond what TypeScript knows. */
interface ModalFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(options?: { mode: string }): Promise<FileSystemSyncAccessHandle>
}

/** What the memory relies on outside of itself. */
export interface SnapshotFacts {
  /** Entries of the table of functions when the shared library was loaded. */
  tableLength: number
  /** By which Python knows the shared library. */
  handles: number[]
}

interface Header extends SnapshotFacts {
  bytes: number
  checksum: number
}

/** A runtime has one snapshot at a time. Several may be on one origin. */
export interface SnapshotKey {
  /** Begins the names of all that this runtime has ever had. */
  runtime: string
  name: string
}

/** Under which a snapshot of these parts is kept. Another browser lays out its functions in another way. */
export async function snapshotKey(runtimeUrl: string, parts: readonly string[]): Promise<SnapshotKey> {
  const runtime = `${await hashOf([runtimeUrl])}-`
  return { runtime, name: runtime + (await hashOf([...parts, navigator.userAgent])) }
}

async function hashOf(parts: readonly string[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(parts)))
  return Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Null: there is none that is whole. */
export async function readSnapshot({ name }: SnapshotKey): Promise<Snapshot | null> {
  try {
    const folder = await openFolder(false)
    const content = await contentOf(await folder.getFileHandle(name))
    const text = new TextDecoder().decode(new Uint8Array(content, 0, HEADER_BYTES)).replace(/\0+$/, '')
    const { bytes, checksum, ...facts } = JSON.parse(text) as Header
    const memory = new Uint8Array(content, HEADER_BYTES)
    return memory.length === bytes && checksumOf(memory) === checksum ? { memory, facts } : null
  } catch {
    return null
  }
}

/** All of it at once, which is several times as fast as reading it as a blob. */
async function contentOf(handle: ModalFileHandle): Promise<ArrayBuffer> {
  let file: FileSystemSyncAccessHandle
  try {
    file = await handle.createSyncAccessHandle(READ_ONLY)
  } catch {
    // Another tab has it just now.
    return await (await handle.getFile()).arrayBuffer()
  }
  try {
    const content = new Uint8Array(file.getSize())
    file.read(content, { at: 0 })
    return content.buffer
  } finally {
    file.close()
  }
}

/** Takes the place of the one before. Whoever is interrupted on the way leaves one that is not whole. */
export async function writeSnapshot({ runtime, name }: SnapshotKey, snapshot: Snapshot): Promise<void> {
  const folder = await openFolder(true)
  for await (const other of folder.keys()) {
    if (other.startsWith(runtime) && !other.startsWith(name)) await removed(folder, other)
  }
  const file = await (await folder.getFileHandle(name, { create: true })).createSyncAccessHandle()
  try {
    write(file, snapshot)
    file.close()
  } catch (error) {
    // Of no use to anyone, and it takes room from what is.
    file.close()
    await removed(folder, name)
    throw error
  }
}

function write(file: FileSystemSyncAccessHandle, { memory, facts }: Snapshot): void {
  file.truncate(0)
  file.write(memory, { at: HEADER_BYTES })
  file.flush()
  const header: Header = { bytes: memory.length, checksum: checksumOf(memory), ...facts }
  const text = new TextEncoder().encode(JSON.stringify(header))
  if (text.length > HEADER_BYTES) throw new RangeError('There is too much to say of a snapshot.')
  file.write(text, { at: 0 })
  file.flush()
}

/** Removes it, and has it not made again. */
export async function refuseSnapshot({ name }: SnapshotKey): Promise<void> {
  try {
    const folder = await openFolder(true)
    await folder.getFileHandle(`${name}${REFUSED}`, { create: true })
    await removed(folder, name)
  } catch {
    // Where nothing can be written, nothing is found the next time.
  }
}

/** Whether there is none, and one may be made: where there is little room, it is for what people store. */
export async function isSnapshotWanted(key: SnapshotKey): Promise<boolean> {
  const { quota = 0, usage = 0 } = await navigator.storage.estimate()
  if (quota - usage < AMPLE_BYTES) return false
  const folder = await openFolder(true)
  for await (const name of folder.keys()) if (name === `${key.name}${REFUSED}`) return false
  return (await readSnapshot(key)) === null
}

async function openFolder(create: boolean): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory()
  return await root.getDirectoryHandle(FOLDER, { create })
}

async function removed(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  // One that is read or made elsewhere at this moment is removed the next time.
  await folder.removeEntry(name).catch(() => undefined)
}

/** Of all words. It finds what was torn or cut, not what someone means to hide. */
function checksumOf(memory: Uint8Array<ArrayBuffer>): number {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >>> 2)
  const { length } = words
  let sum = 0
  // Not `for of`: at a start nothing is compiled yet, and it would take eight times as long.
  for (let at = 0; at < length; at += 1) sum = (Math.imul(sum, 31) + (words[at] ?? 0)) | 0
  return sum
}
