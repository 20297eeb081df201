/**
 * Runs whose cancel waits for a worker that computes, in memory that page and worker share: the worker reads it in the middle
 * of what it computes. An isolated page has such memory, others have none.
 */
export class Cancels {
  readonly memory: SharedArrayBuffer | null
  /** How many bytes of text there are. */
  readonly #length: Int32Array | null
  readonly #text: Uint8Array | null

  constructor(memory: SharedArrayBuffer | null) {
    this.memory = memory
    this.#length = memory === null ? null : new Int32Array(memory, 0, 1)
    this.#text = memory === null ? null : new Uint8Array(memory, HEADER_BYTES)
  }

  static create(): Cancels {
    const isShared = typeof crossOriginIsolated === 'boolean' && crossOriginIsolated
    return new Cancels(isShared ? new SharedArrayBuffer(HEADER_BYTES + MOST_BYTES) : null)
  }

  /** For the page. */
  write(runIds: readonly string[]): void {
    if (this.#length === null || this.#text === null) return
    // Who reads meanwhile finds nothing, or ids that no run has, and reads again soon.
    Atomics.store(this.#length, 0, 0)
    const bytes = new TextEncoder().encode(runIds.join('\n')).subarray(0, MOST_BYTES)
    this.#text.set(bytes)
    Atomics.store(this.#length, 0, bytes.length)
  }

  /** For the worker: whether there are any. */
  get isAny(): boolean {
    return this.#length !== null && Atomics.load(this.#length, 0) > 0
  }

  /** For the worker: one id in each line. */
  read(): string {
    if (this.#length === null || this.#text === null) return ''
    const length = Atomics.load(this.#length, 0)
    // A copy: text is not decoded from shared memory.
    return length === 0 ? '' : new TextDecoder().decode(this.#text.slice(0, length))
  }
}

const HEADER_BYTES = 4
/** Some hundred ids. What does not fit waits until it is heard. */
const MOST_BYTES = 8192
