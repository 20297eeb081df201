// The reference, asked what ../ours.py asks of our engine.
//
// `node measure.mjs WHERE AMOUNTS` prints figures by row, as JSON. Each row has a new database: a file (better-sqlite3,
// WAL, FULL) in the folder WHERE, or one more on the PostgreSQL that WHERE is the address of.
import { createDurably, defineJob } from '@coji/durably'
import { z } from 'zod'
import { Files, OnPostgres } from './databases.mjs'

const [where, amounts] = [process.argv[2], JSON.parse(process.argv[3])]
let stepsMs = 0
let atEnd = () => {}

const Work = z.object({ steps: z.number(), waits: z.boolean().default(false) })
const bench = defineJob({
  name: 'bench',
  input: Work,
  output: Work,
  run: async (step, work) => {
    const began = performance.now()
    for (let number = 0; number < work.steps; number++) await step.run(`step-${number}`, () => number)
    stepsMs = performance.now() - began
    atEnd()
    if (work.waits) await new Promise(() => {})
    return work
  },
})

const databases = where.startsWith('postgresql:') ? new OnPostgres(where) : new Files(where)

async function makeEngine(name, slots = 1) {
  const database = await databases.open(name)
  const durably = createDurably({
    dialect: database.dialect,
    pollingIntervalMs: 10,
    maxConcurrentRuns: slots,
    preserveSteps: true,
    jobs: { bench },
  })
  await durably.migrate()
  return { durably, database }
}

async function close({ durably, database }) {
  await durably.stop()
  await database.close()
}

function completions(durably, count) {
  return new Promise((resolve) => {
    let left = count
    const stop = durably.on('run:complete', () => {
      left -= 1
      if (left > 0) return
      stop()
      resolve()
    })
  })
}

async function triggers() {
  const engine = await makeEngine('triggers')
  const { bench } = engine.durably.jobs
  let began = performance.now()
  for (let number = 0; number < amounts.triggers; number++) await bench.trigger({ steps: 0 })
  const perSecond = (amounts.triggers / (performance.now() - began)) * 1000
  began = performance.now()
  await bench.batchTrigger(works(amounts.batch, 0))
  const batchedMs = performance.now() - began
  await close(engine)
  return { 'triggers/s, one by one': perSecond, [`batch of ${amounts.batch} triggers, ms`]: batchedMs }
}

function works(count, steps) {
  return Array.from({ length: count }, () => ({ steps }))
}

async function runsPerSecond(steps, runs, slots, name = `runs-${steps}-${slots}`) {
  const engine = await makeEngine(name, slots)
  await engine.durably.jobs.bench.batchTrigger(works(runs, steps))
  const completed = completions(engine.durably, runs)
  const began = performance.now()
  engine.durably.start()
  await completed
  const seconds = (performance.now() - began) / 1000
  await close(engine)
  return runs / seconds
}

async function oneLongRun() {
  const steps = amounts.steps_in_one_run
  const executedMs = await lifeMs(steps, true)
  // The first worker can't be stopped while the run waits: to the second it is dead.
  await databases.run('long', "UPDATE durably_runs SET lease_expires_at = '2000-01-01T00:00:00.000Z'")
  const replayedMs = await lifeMs(steps, false)
  return { 'steps/s in one run': (steps / executedMs) * 1000, 'replayed steps/s': (steps / replayedMs) * 1000 }
}

async function lifeMs(steps, isFirst) {
  const { durably } = await makeEngine('long')
  const ended = new Promise((resolve) => (atEnd = resolve))
  if (isFirst) await durably.jobs.bench.trigger({ steps, waits: true })
  durably.start()
  await ended
  void durably.stop()
  atEnd = () => {}
  return stepsMs
}

async function latencyMs(steps) {
  const engine = await makeEngine(`latency-${steps}`)
  engine.durably.start()
  const found = []
  for (let number = 0; number < amounts.latencies; number++) {
    const completed = completions(engine.durably, 1)
    const began = performance.now()
    await engine.durably.jobs.bench.trigger({ steps })
    await completed
    found.push(performance.now() - began)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await close(engine)
  return median(found)
}

async function looksMs(pending) {
  const engine = await makeEngine(`pending-${pending}`)
  const { durably } = engine
  for (let begin = 0; begin < pending; begin += 1000) {
    await durably.jobs.bench.batchTrigger(works(Math.min(1000, pending - begin), 0))
  }
  const claim = () => durably.storage.claimNext('w', new Date().toISOString(), 30_000)
  const list = () => durably.getRuns({ status: 'pending', limit: 50 })
  const row = {
    [`claim among ${pending}, ms`]: await medianMs(claim),
    [`list 50 of ${pending}, ms`]: await medianMs(list),
  }
  await close(engine)
  return row
}

async function medianMs(look) {
  const found = []
  for (let number = 0; number < amounts.looks; number++) {
    const began = performance.now()
    await look()
    found.push(performance.now() - began)
  }
  return median(found)
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

async function bytesPerRun() {
  await close(await makeEngine('empty'))
  const grown = (await databases.size(`runs-3-${amounts.slots}`)) - (await databases.size('empty'))
  return grown / amounts.parallel_runs
}

await runsPerSecond(3, amounts.warm_up_runs, 1, 'warm-up')
const row = await triggers()
for (const [steps, runs] of amounts.runs) row[`${steps}-step runs/s, 1 slot`] = await runsPerSecond(steps, runs, 1)
row[`3-step runs/s, ${amounts.slots} slots`] = await runsPerSecond(3, amounts.parallel_runs, amounts.slots)
Object.assign(row, await oneLongRun())
for (const steps of [0, 5]) row[`trigger to completed, ${steps} steps, ms`] = await latencyMs(steps)
for (const pending of amounts.pending) Object.assign(row, await looksMs(pending))
row['bytes per 3-step run'] = await bytesPerRun()
console.log(JSON.stringify(row))
process.exit(0) // a run still waits
