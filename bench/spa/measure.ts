/** What both engines are asked to do. Of each run it is said how many steps it has, which do nothing. */
export interface Engine {
  /** Settles when the trigger is acknowledged. A run that `waits` never ends in the page that executed it. */
  trigger(steps: number, waits?: boolean): Promise<{ runId: string }>
  triggerBatch(steps: number, runs: number): Promise<void>
  /** Calls `listener` once per event of that type. Returns the way to stop. */
  on(type: 'run:complete' | 'step:complete', listener: () => void): () => void
  /** Settles when it has been answered with so many runs. */
  list(limit: number): Promise<unknown>
  /** How long the steps of a run took, if it has ended. */
  stepsMs(runId: string): Promise<number | undefined>
  databaseBytes(): Promise<number>
}

/** Measurements, offered to the script that drives the browser. Times are in milliseconds. */
export function offer(engine: Engine): void {
  Object.assign(window, {
    engineReady: true,

    /** Runs until compilers and caches have settled. */
    warmUp: async (steps: number, ms: number) => {
      for (const began = performance.now(); performance.now() - began < ms; ) await together(engine, steps, 5)
    },

    /** Runs per second, all triggered at once, from the first trigger to the last completion. */
    runsPerSecond: async (steps: number, runs: number) => perSecond(runs, () => together(engine, steps, runs)),

    /** Acknowledged triggers per second, one after the other, of runs without steps that execute meanwhile. */
    triggersPerSecond: async (runs: number) => {
      const completed = heard(engine, 'run:complete', runs)
      const found = await perSecond(runs, async () => {
        for (let run = 0; run < runs; run++) await engine.trigger(0)
      })
      await completed
      return found
    },

    /**
     * How long a batch takes to be acknowledged. Then, with all but those pending, how long a list of 50 takes,
     * and how many of the first runs are completed per second.
     */
    batch: async (runs: number, first: number) => {
      const completed = heard(engine, 'run:complete', runs)
      const firstCompleted = heard(engine, 'run:complete', first)
      const batchMs = await took(() => engine.triggerBatch(0, runs))
      const runsPerSecond = await perSecond(first, () => firstCompleted)
      const lists: number[] = []
      for (let list = 0; list < 5; list++) lists.push(await took(() => engine.list(50)))
      const listMs = lists.sort((a, b) => a - b)[2]
      if (runs <= 1000) await completed
      return { batchMs, listMs, runsPerSecond }
    },

    /** Median from the trigger to the completion, as the page sees them, on an idle engine. */
    latency: async (runs: number, steps: number) => {
      const found: number[] = []
      for (let run = 0; run < runs; run++) {
        found.push(await took(() => together(engine, steps, 1)))
        // At a random moment of the polling interval, as people are.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
      }
      return found.sort((a, b) => a - b)[Math.floor(runs / 2)]
    },

    /** Messages between the page and its workers for each of so many runs. */
    messagesPerRun: async (steps: number, runs: number) => {
      const before = window.messages ?? 0
      await together(engine, steps, runs)
      return ((window.messages ?? 0) - before) / runs
    },

    bytesPerRun: async (steps: number, runs: number) => {
      const before = await engine.databaseBytes()
      await together(engine, steps, runs)
      return ((await engine.databaseBytes()) - before) / runs
    },

    /** Executes all steps of a run that then waits. Its id, and steps per second. */
    longRun: async (steps: number) => {
      const executed = heard(engine, 'step:complete', steps)
      let runId = ''
      const stepsPerSecond = await perSecond(steps, async () => {
        runId = (await engine.trigger(steps, true)).runId
        await executed
      })
      return { runId, stepsPerSecond }
    },

    /** In another page: how long the steps took that were there. */
    replayMs: async (runId: string) => {
      for (;;) {
        const found = await engine.stepsMs(runId)
        if (found !== undefined) return found
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  })
}

declare global {
  interface Window {
    /** Counted by what the script puts in front of the page. */
    messages?: number
  }
}

async function together(engine: Engine, steps: number, runs: number): Promise<void> {
  const completed = heard(engine, 'run:complete', runs)
  await Promise.all(Array.from({ length: runs }, () => engine.trigger(steps)))
  await completed
}

function heard(engine: Engine, type: 'run:complete' | 'step:complete', count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count
    const stop = engine.on(type, () => {
      left -= 1
      if (left > 0) return
      stop()
      resolve()
    })
  })
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  return (count / (await took(work))) * 1000
}
