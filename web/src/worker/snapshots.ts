/**
 * Python's memory with the engine imported, kept on this device: what a start would do again each time. One file in
 * the origin's private file system, named by what it was made of. It can be missing, outdated or damaged at any
 * time, which costs a start some time and nothing else.
 */

const FOLDER = 'durably-snapshots'
/** Says that a start from it went wrong: it is not made again. */
const REFUSED = '.refused'
/** Room for what is said of the memory, which follows. */
const HEADER_BYTES = 4096

export interface Snapshot {
  memory: Uint8Array<ArrayBuffer>
  facts: SnapshotFacts
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

/** Under which a snapshot of these parts is kept. Another browser lays out its functions in another way. */
export async function snapshotKey(parts: readonly string[]): Promise<string> {
  const text = JSON.stringify([...parts, navigator.userAgent])
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Null: there is none that is whole. */
export async function readSnapshot(key: string): Promise<Snapshot | null> {
  try {
    const folder = await openFolder(false)
    const file = await (await folder.getFileHandle(key)).getFile()
    const content = await file.arrayBuffer()
    const text = new TextDecoder().decode(new Uint8Array(content, 0, HEADER_BYTES)).replace(/\0+$/, '')
    const { bytes, checksum, ...facts } = JSON.parse(text) as Header
    const memory = new Uint8Array(content, HEADER_BYTES)
    return memory.length === bytes && checksumOf(memory) === checksum ? { memory, facts } : null
  } catch {
    return null
  }
}

/** Takes the place of all others. Whoever is interrupted on the way leaves one that is not whole. */
export async function writeSnapshot(key: string, { memory, facts }: Snapshot): Promise<void> {
  const folder = await openFolder(true)
  for await (const name of folder.keys()) if (!name.startsWith(key)) await removed(folder, name)
  const file = await (await folder.getFileHandle(key, { create: true })).createSyncAccessHandle()
  try {
    file.truncate(0)
    file.write(memory, { at: HEADER_BYTES })
    file.flush()
    const header: Header = { bytes: memory.length, checksum: checksumOf(memory), ...facts }
    const text = new TextEncoder().encode(JSON.stringify(header))
    if (text.length > HEADER_BYTES) throw new RangeError('There is too much to say of a snapshot.')
    file.write(text, { at: 0 })
    file.flush()
  } finally {
    file.close()
  }
}

/** Removes it, and has it not made again. */
export async function refuseSnapshot(key: string): Promise<void> {
  try {
    const folder = await openFolder(true)
    await folder.getFileHandle(`${key}${REFUSED}`, { create: true })
    await removed(folder, key)
  } catch {
    // Where nothing can be written, nothing is found the next time.
  }
}

/** Whether there is none, and one may be made. */
export async function isSnapshotWanted(key: string): Promise<boolean> {
  const folder = await openFolder(true)
  for await (const name of folder.keys()) if (name === `${key}${REFUSED}`) return false
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
  let sum = 0
  for (const word of words) sum = (Math.imul(sum, 31) + word) | 0
  return sum
}
