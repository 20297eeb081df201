const BUFFER_BYTES = 128 * 1024

/** Files grow in pieces of this size. */
const GROWTH_BYTES = 128 * 1024

/** What this file needs of a `FileSystemSyncAccessHandle`. */
export interface Handle {
  getSize(): number
  read(into: Uint8Array, options: { at: number }): number
  write(from: Uint8Array, options: { at: number }): number
  truncate(size: number): void
  flush(): void
}

/** What reached the handle, for tests and figures. */
export interface FileCounters {
  flushes: number
  writes: number
  bytesWritten: number
}

/**
 * A file that joins adjacent writes: SQLite writes a WAL frame as a header and a page, and a commit
 * as many frames in a row; each call into the browser costs more than copying them.
 *
 * Invariants:
 * - Bytes wait here only until the next read, flush, truncation or write elsewhere, so nothing that
 *   SQLite has asked to be on disk is ever only here.
 * - The room for them has been taken when `write` returns: a full storage is told by the write, where
 *   SQLite expects it, and not by a later flush. The file grows ahead for that; should a crash leave it
 *   longer than SQLite's own page count, SQLite ignores the zeros.
 */
export class BufferedFile {
  readonly counters: FileCounters = { flushes: 0, writes: 0, bytesWritten: 0 }
  readonly #handle: Handle
  readonly #holdsRoomAhead: () => boolean
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #bufferedAt = 0
  #buffered = 0
  #size: number
  /** The size of the file itself, which is never smaller than what is written of it. */
  #taken: number
  /** The largest that it was. */
  #most: number
  /** Whether the file was made smaller since its last flush. */
  #isCut = false

  /**
   * `holdsRoomAhead`: while that is true the file grows only where it could grow as much again. Chromium gives
   * a file room in powers of two: one that is full would need as much as it has for a single byte more.
   */
  constructor(handle: Handle, holdsRoomAhead: () => boolean = () => false) {
    this.#handle = handle
    this.#holdsRoomAhead = holdsRoomAhead
    this.#size = handle.getSize()
    this.#taken = this.#size
    this.#most = this.#size
  }

  get size(): number {
    return this.#size
  }

  /** How much room the file had and has given back. */
  get released(): number {
    return this.#most - this.#taken
  }

  /** Returns how many bytes there were; fewer than asked for at the end of the file. */
  read(into: Uint8Array, at: number): number {
    this.#drain()
    const wanted = into.subarray(0, Math.max(0, this.#size - at))
    const found = this.#handle.read(wanted, { at })
    // SQLite takes what it is not given for zeros, and would write a page of them back.
    if (found === 0 && wanted.length > 0) {
      throw new DOMException('the file gave no bytes', 'UnknownError')
    }
    return found
  }

  write(from: Uint8Array, at: number): number {
    const adjacent = at === this.#bufferedAt + this.#buffered
    if (this.#buffered > 0 && (!adjacent || this.#buffered + from.length > BUFFER_BYTES)) this.#drain()
    this.#takeRoom(at + from.length)
    if (from.length > BUFFER_BYTES) {
      this.#writeThrough(from, at)
    } else {
      if (this.#buffered === 0) this.#bufferedAt = at
      this.#buffer.set(from, this.#buffered)
      this.#buffered += from.length
    }
    this.#size = Math.max(this.#size, at + from.length)
    return from.length
  }

  truncate(size: number): void {
    this.#drain()
    this.#cut(size)
  }

  /** Returns when everything written is on disk. */
  flush(): void {
    this.#drain()
    this.#flushHandle()
    this.counters.flushes += 1
  }

  /** Empties the file, on disk too: a deleted journal that comes back after a power cut would roll back the database. */
  erase(): void {
    this.#buffered = 0
    this.#cut(0)
    this.flush()
  }

  #takeRoom(end: number): void {
    if (end <= this.#taken) return
    // Were a power cut to lose that the file became smaller and to keep that it grew, old bytes would be there
    // again, and not all of them: a WAL would take the database back to before its checkpoint.
    if (this.#isCut) this.#flushHandle()
    const size = Math.ceil(end / GROWTH_BYTES) * GROWTH_BYTES
    if (2 * size > this.#most && this.#holdsRoomAhead()) this.#resize(2 * size)
    this.#resize(size)
  }

  #flushHandle(): void {
    this.#handle.flush()
    this.#isCut = false
  }

  #cut(size: number): void {
    this.#resize(size)
    this.#size = size
    this.#isCut = true
  }

  #resize(size: number): void {
    this.#handle.truncate(size)
    this.#taken = size
    this.#most = Math.max(this.#most, size)
  }

  #drain(): void {
    if (this.#buffered === 0) return
    const bytes = this.#buffer.subarray(0, this.#buffered)
    // Emptied first: were the write to fail, SQLite is told so and rolls back; retrying these bytes
    // later would put them into a file that no longer expects them.
    this.#buffered = 0
    this.#writeThrough(bytes, this.#bufferedAt)
  }

  #writeThrough(bytes: Uint8Array, at: number): void {
    let done = 0
    while (done < bytes.length) {
      const written = this.#handle.write(bytes.subarray(done), { at: at + done })
      if (written === 0) throw new DOMException('the file took no more bytes', 'QuotaExceededError')
      done += written
    }
    this.counters.writes += 1
    this.counters.bytesWritten += bytes.length
  }
}
