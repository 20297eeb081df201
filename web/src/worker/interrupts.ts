import type { Cancels } from '../cancels'
import type { Python } from './pyodide'

/** Python looks at the signal between every 50 bytecodes or so; at the clock every so many looks. */
const LOOKS = 16
/** So often code is asked whether its time is over. */
const INTERVAL_MS = 50
/** So often where a run is to be cancelled: code that swallows it is asked again. */
const CANCEL_INTERVAL_MS = 5
const SIGINT = 2

/** `spa_runtime.interrupting`. */
interface InterruptingModule {
  install(): void
}

/** Has Python call its handler of SIGINT now and then, whatever it computes. To be called before jobs are imported. */
export function interruptRegularly({ pyodide }: Python, cancels: Cancels): void {
  let looks = 0
  let signalledAt = 0
  const signal = {
    get 0(): number {
      looks = (looks + 1) % LOOKS
      if (looks !== 0) return 0
      const now = performance.now()
      if (now - signalledAt < (cancels.isAny ? CANCEL_INTERVAL_MS : INTERVAL_MS)) return 0
      signalledAt = now
      return SIGINT
    },
    set 0(_received: number) {
      // It is not the page that signals: there is nothing to take back.
    },
  }
  // Its own raises KeyboardInterrupt, wherever it is.
  const module = pyodide.pyimport('spa_runtime.interrupting') as InterruptingModule
  module.install()
  pyodide.setInterruptBuffer(signal as unknown as Uint8Array)
}
