import type { Handle } from '../src/opfs/buffered-file'

/** What a file was asked to do, in the order in which it was asked. Reads leave no trace. */
export type Operation =
  | { kind: 'write'; file: string; at: number; bytes: Uint8Array }
  | { kind: 'truncate'; file: string; size: number }
  | { kind: 'flush'; file: string }

/** The bytes of each file, by name. */
export type Image = ReadonlyMap<string, Uint8Array>

/** A file's bytes, in memory that grows by doubling. */
export class Content {
  #memory: Uint8Array
  #size: number

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#memory = bytes.slice()
    this.#size = bytes.length
  }

  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#size)
  }

  write(from: Uint8Array, at: number): void {
    if (at + from.length > this.#size) this.resize(at + from.length)
    this.#memory.set(from, at)
  }

  resize(size: number): void {
    if (size > this.#memory.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#memory.length))
      grown.set(this.bytes)
      this.#memory = grown
    }
    // What lies beyond the end reads as zeros should the file grow again.
    if (size < this.#size) this.#memory.fill(0, size, this.#size)
    this.#size = size
  }
}

/** Files in memory in the place of access handles, with a log of what reached them. */
export class RecordingDisk {
  readonly log: Operation[] = []
  readonly handles: ReadonlyMap<string, Handle>
  readonly #contents: ReadonlyMap<string, Content>

  constructor(names: readonly string[], image: Image = new Map()) {
    this.#contents = new Map(names.map((name) => [name, new Content(image.get(name))]))
    this.handles = new Map([...this.#contents].map(([name, content]) => [name, this.#handle(name, content)]))
  }

  /** The files as a process sees them: flushed or not. */
  get image(): Image {
    return new Map([...this.#contents].map(([name, content]) => [name, content.bytes.slice()]))
  }

  #handle(file: string, content: Content): Handle {
    return {
      getSize: () => content.bytes.length,
      read: (into, { at }) => {
        const found = content.bytes.subarray(at, at + into.length)
        into.set(found)
        return found.length
      },
      write: (from, { at }) => {
        // A copy: the caller uses its buffer again.
        this.log.push({ kind: 'write', file, at, bytes: from.slice() })
        content.write(from, at)
        return from.length
      },
      truncate: (size) => {
        this.log.push({ kind: 'truncate', file, size })
        content.resize(size)
      },
      flush: () => {
        this.log.push({ kind: 'flush', file })
      },
    }
  }
}
