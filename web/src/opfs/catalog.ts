import type { Handle } from './buffered-file'

/** A database that is no longer used, and that the person may want to have. */
export interface SetAside {
  generation: number
  /** When it was set aside, ISO 8601. */
  at: string
  reason: string
}

/** Which of the files in a folder are the database. */
export interface CatalogRecord {
  generation: number
  setAside: readonly SetAside[]
}

interface StoredRecord extends CatalogRecord {
  serial: number
}

const SLOT_BYTES = 32 * 1024
const HEADER_BYTES = 8

/**
 * The record that says which files are the database, replaced as a whole or not at all.
 *
 * Two slots are written in turn, each with a checksum: a power cut can tear the one that is being
 * written, and leaves the other. The record is the one with the higher serial number of those that are
 * whole. Replacing a database is a write here, and neither a copy nor a rename.
 */
export class Catalog {
  readonly #handle: Handle
  #record: StoredRecord | null

  constructor(handle: Handle) {
    this.#handle = handle
    const [first, second] = [this.#readSlot(0), this.#readSlot(1)]
    this.#record = (second?.serial ?? 0) > (first?.serial ?? 0) ? second : first
  }

  /** Null before the first write, and for a file of which neither slot is whole. */
  get record(): CatalogRecord | null {
    return this.#record
  }

  /** Returns when the record is on disk. */
  write({ generation, setAside }: CatalogRecord): void {
    // All of its room at once: setting a database aside must work in a full storage, too.
    if (this.#handle.getSize() < 2 * SLOT_BYTES) this.#handle.truncate(2 * SLOT_BYTES)
    const record: StoredRecord = { serial: (this.#record?.serial ?? 0) + 1, generation, setAside }
    const text = new TextEncoder().encode(JSON.stringify(record))
    if (text.length > SLOT_BYTES - HEADER_BYTES)
      throw new Error('The catalog is full: delete what was set aside.')
    const bytes = new Uint8Array(HEADER_BYTES + text.length)
    const header = new DataView(bytes.buffer)
    header.setUint32(0, text.length)
    header.setUint32(4, checksum(text))
    bytes.set(text, HEADER_BYTES)
    // The slot that does not hold the newest record: a crash from here to the end of the flush leaves that one.
    const at = (record.serial % 2) * SLOT_BYTES
    if (this.#handle.write(bytes, { at }) !== bytes.length) {
      throw new DOMException('the file took no more bytes', 'QuotaExceededError')
    }
    this.#handle.flush()
    this.#record = record
  }

  #readSlot(slot: number): StoredRecord | null {
    const bytes = new Uint8Array(SLOT_BYTES)
    if (this.#handle.read(bytes, { at: slot * SLOT_BYTES }) < HEADER_BYTES) return null
    const header = new DataView(bytes.buffer)
    const text = bytes.subarray(HEADER_BYTES, HEADER_BYTES + header.getUint32(0))
    if (text.length !== header.getUint32(0) || text.length === 0) return null
    if (checksum(text) !== header.getUint32(4)) return null
    return JSON.parse(new TextDecoder().decode(text)) as StoredRecord
  }
}

/** FNV-1a, 32 bits. */
function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
