/** What both engines are asked to do. */
export interface Engine {
  /** Starts a run of `steps` trivial steps; settles when the trigger is acknowledged. */
  trigger(steps: number): Promise<void>
  /** Calls `listener` once per completed run. Returns the way to stop. */
  onComplete(listener: () => void): () => void
}

export interface Figures {
  /** Steps per second, from the first trigger to the last completion. */
  stepsPerSecond: number
  /** Acknowledged triggers per second, one after the other, of runs without steps. */
  triggersPerSecond: number
}

/** `runs` runs of `steps` steps, all triggered at once. */
export async function throughput(engine: Engine, runs: number, steps: number): Promise<Figures> {
  let began = performance.now()
  let completed = completions(engine, runs)
  await Promise.all(Array.from({ length: runs }, () => engine.trigger(steps)))
  await completed
  const stepsPerSecond = ((runs * steps) / (performance.now() - began)) * 1000
  completed = completions(engine, runs)
  began = performance.now()
  for (let run = 0; run < runs; run++) await engine.trigger(0)
  const triggersPerSecond = (runs / (performance.now() - began)) * 1000
  await completed
  return { stepsPerSecond, triggersPerSecond }
}

/** Runs until compilers and caches have settled. */
export async function warmUp(engine: Engine, steps: number, ms: number): Promise<void> {
  for (const began = performance.now(); performance.now() - began < ms; ) {
    const completed = completions(engine, 5)
    await Promise.all(Array.from({ length: 5 }, () => engine.trigger(steps)))
    await completed
  }
}

/** Milliseconds from the trigger to the completion, as the page sees them, on an idle engine. */
export async function latencies(engine: Engine, count: number, steps: number): Promise<number[]> {
  const found: number[] = []
  for (let index = 0; index < count; index++) {
    const completed = completions(engine, 1)
    const began = performance.now()
    await engine.trigger(steps)
    await completed
    found.push(performance.now() - began)
    // At a random moment of the polling interval, as people are.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
  }
  return found
}

function completions(engine: Engine, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count
    const stop = engine.onComplete(() => {
      left -= 1
      if (left > 0) return
      stop()
      resolve()
    })
  })
}

/** Offers the measurements to the script that drives the browser. */
export function offer(engine: Engine): void {
  Object.assign(window, {
    warmUp: (steps: number, ms: number) => warmUp(engine, steps, ms),
    throughput: (runs: number, steps: number) => throughput(engine, runs, steps),
    latencies: (count: number, steps: number) => latencies(engine, count, steps),
    engineReady: true,
  })
}
