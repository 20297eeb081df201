import { PROTOCOL_VERSION, type MakeSnapshotMessage } from '../protocol'

/** For so long the engine must have said nothing: it is about to cost a second of a processor, and memory. */
const IDLE_MS = 5000

/** A worker that takes longer is stuck. */
const PATIENCE_MS = 60_000

/** One tab is enough. */
const LOCK = 'durably-snapshot'

/** Has a worker of its own keep Python's memory for the next start, once, when nothing else is going on. */
export class SnapshotMaker {
  readonly #worker: () => Worker
  readonly #message: MakeSnapshotMessage
  #timer: ReturnType<typeof setTimeout> | undefined
  #making: Worker | null = null
  #isOver = false

  constructor(worker: () => Worker, what: Pick<MakeSnapshotMessage, 'runtimeUrl' | 'manifest'>) {
    this.#worker = worker
    this.#message = { type: 'make-snapshot', protocol: PROTOCOL_VERSION, ...what }
    this.postpone()
  }

  /** The engine has just said something. */
  postpone(): void {
    if (this.#isOver || this.#making !== null) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#make(), IDLE_MS)
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#making?.terminate()
    this.#making = null
  }

  async #make(): Promise<void> {
    await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) => {
      if (lock === null || this.#isOver) return
      this.#isOver = true
      const worker = this.#worker()
      this.#making = worker
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PATIENCE_MS)
        // Its last word, or the first of one that can't even begin.
        worker.onmessage = worker.onerror = () => {
          clearTimeout(timer)
          resolve()
        }
        worker.postMessage(this.#message)
      })
      worker.terminate()
    })
  }
}
