import type { Folder, OpenFile } from './folder'

/**
 * The file whose room is given up when storage is full.
 *
 * Chromium counts the room that a file once had until its handle is closed, so what makes it smaller closes
 * it, at once, and opens it again in the background. Until that is done nothing can be written to it.
 */
export class ReserveFile implements OpenFile {
  readonly #folder: Folder
  readonly #name: string
  #file: OpenFile | null
  #isOpening = false
  #isClosed = false
  /** It was emptied while it was being opened. */
  #isGivenUp = false

  private constructor(folder: Folder, name: string, file: OpenFile) {
    this.#folder = folder
    this.#name = name
    this.#file = file
  }

  static async open(folder: Folder, name: string): Promise<ReserveFile> {
    return new ReserveFile(folder, name, await folder.open(name))
  }

  getSize(): number {
    return this.#file?.getSize() ?? 0
  }

  read(into: Uint8Array, options: { at: number }): number {
    return this.#file?.read(into, options) ?? 0
  }

  write(from: Uint8Array, options: { at: number }): number {
    return this.#opened().write(from, options)
  }

  truncate(size: number): void {
    const isSmaller = size < this.getSize()
    if (this.#file === null && size === 0) this.#isGivenUp = true
    else if (isSmaller || size > 0) this.#opened().truncate(size)
    if (isSmaller) this.#giveBack()
  }

  flush(): void {
    this.#file?.flush()
  }

  close(): void {
    this.#isClosed = true
    this.#file?.close()
    this.#file = null
  }

  #giveBack(): void {
    this.#file?.close()
    this.#file = null
    void this.#openAgain()
  }

  #opened(): OpenFile {
    if (this.#file !== null) return this.#file
    void this.#openAgain()
    throw new DOMException('the reserve is being opened', 'QuotaExceededError')
  }

  async #openAgain(): Promise<void> {
    if (this.#isOpening || this.#isClosed) return
    this.#isOpening = true
    // What fails is tried again by the next write.
    const file = await this.#folder.open(this.#name).catch(() => null)
    this.#isOpening = false
    this.#take(file)
    if (this.#isGivenUp && file !== null) {
      this.#isGivenUp = false
      this.truncate(0)
    }
  }

  #take(file: OpenFile | null): void {
    if (this.#isClosed) file?.close()
    else this.#file = file
  }
}
