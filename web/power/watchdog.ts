import { Worker } from 'node:worker_threads'

const PATIENCE_MS = 60_000
const LONGEST_TEXT = 200

const beats = new Int32Array(new SharedArrayBuffer(4))
const text = new Uint8Array(new SharedArrayBuffer(LONGEST_TEXT))

/** Something goes on; `what` is told should it be the last thing that does. */
export function beat(what: string): void {
  text.fill(0)
  text.set(new TextEncoder().encode(what).subarray(0, LONGEST_TEXT))
  Atomics.add(beats, 0, 1)
}

/** Ends the process when nothing happens for a minute: Python that hangs hears nothing. */
export function watch(): void {
  const code = `
    const { workerData: { beats, text, patienceMs } } = require('node:worker_threads')
    let last = -1
    setInterval(() => {
      const now = Atomics.load(beats, 0)
      if (now === last) {
        const what = Buffer.from(text).toString().replace(/\\0+$/, '')
        require('node:fs').writeSync(2, 'FAILED: it hangs at ' + what + '\\n')
        process.kill(process.pid, 'SIGKILL')
      }
      last = now
    }, patienceMs)`
  new Worker(code, { eval: true, workerData: { beats, text, patienceMs: PATIENCE_MS } }).unref()
}
