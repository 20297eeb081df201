import type { Handle } from './buffered-file'

const CHUNK_BYTES = 1024 * 1024
const WRITE_VERSION_AT = 18
const READ_VERSION_AT = 19
const CHANGES_AT = 24
const PAGES_AT = 28
const VALID_FOR_AT = 92
const ROLLBACK_JOURNAL = 1

/**
 * A packed database as one file that any SQLite opens, also where it can write nothing beside it: two bytes
 * of the header say that it needs no WAL. Nothing may write to the database meanwhile.
 *
 * The layout is that of "Database File Format" in SQLite's documentation, section 1.3.
 */
export function copyDatabase(handle: Handle): Blob {
  const size = sizeOfDatabase(handle)
  const parts: Blob[] = []
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, size - at))
    if (handle.read(chunk, { at }) !== chunk.length) {
      throw new DOMException('the file gave fewer bytes than it has', 'UnknownError')
    }
    if (at === 0) chunk[WRITE_VERSION_AT] = chunk[READ_VERSION_AT] = ROLLBACK_JOURNAL
    // The browser keeps them, in memory or on disk; here there is one chunk at a time.
    parts.push(new Blob([chunk]))
  }
  return new Blob(parts, { type: 'application/vnd.sqlite3' })
}

/** Fills an empty file, and returns when the bytes are on disk. */
export async function fillFile(handle: Handle, from: Blob): Promise<void> {
  for (let at = 0; at < from.size; at += CHUNK_BYTES) {
    const chunk = new Uint8Array(await from.slice(at, at + CHUNK_BYTES).arrayBuffer())
    if (handle.write(chunk, { at }) !== chunk.length) {
      throw new DOMException('the file took no more bytes', 'QuotaExceededError')
    }
  }
  handle.flush()
}

/** The file itself may be longer: it grows ahead of what is written. */
function sizeOfDatabase(handle: Handle): number {
  const size = handle.getSize()
  const header = new DataView(new ArrayBuffer(100))
  if (handle.read(new Uint8Array(header.buffer), { at: 0 }) < header.byteLength) return 0
  if (header.getUint32(CHANGES_AT) !== header.getUint32(VALID_FOR_AT)) return size
  const pageBytes = header.getUint16(16)
  return Math.min(size, header.getUint32(PAGES_AT) * (pageBytes === 1 ? 65_536 : pageBytes))
}
