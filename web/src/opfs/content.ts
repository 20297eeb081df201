/** A file's bytes, in memory that grows by doubling. */
export class Content {
  #memory: Uint8Array<ArrayBuffer>
  #size: number

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#memory = Uint8Array.from(bytes)
    this.#size = bytes.length
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory.subarray(0, this.#size)
  }

  read(into: Uint8Array, at: number): number {
    const found = this.bytes.subarray(at, at + into.length)
    into.set(found)
    return found.length
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
