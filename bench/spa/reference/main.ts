import { createDurably, defineJob } from '@coji/durably'
import { SQLocalKysely } from 'sqlocal/kysely'
import { z } from 'zod'
import { offer } from '../measure.ts'

let executed = 0

const bench = defineJob({
  name: 'bench',
  input: z.object({ steps: z.number(), waits: z.boolean().default(false) }),
  output: z.object({ ms: z.number() }),
  run: async (step, input) => {
    const began = performance.now()
    for (let index = 0; index < input.steps; index++) {
      await step.run(`step-${index}`, () => {
        executed += 1
        return index
      })
    }
    const ms = performance.now() - began
    if (input.waits && executed > 0) await new Promise(() => {})
    return { ms }
  },
})

// The settings that its documentation gives for browsers.
const { dialect } = new SQLocalKysely('bench.sqlite3')
const durably = createDurably({
  dialect,
  pollingIntervalMs: 100,
  leaseRenewIntervalMs: 500,
  leaseMs: 3000,
  preserveSteps: true,
  maxConcurrentRuns: Number(new URLSearchParams(location.search).get('slots') ?? 1),
  jobs: { bench },
})
await durably.init()
offer({
  trigger: async (steps, waits = false) => ({ runId: (await durably.jobs.bench.trigger({ steps, waits })).id }),
  triggerBatch: async (steps, runs) => {
    await durably.jobs.bench.batchTrigger(Array.from({ length: runs }, () => ({ steps, waits: false })))
  },
  on: (type, listener) => durably.on(type, () => listener()),
  list: (limit) => durably.getRuns({ status: 'pending', limit }),
  stepsMs: async (runId) => (await durably.jobs.bench.getRun(runId))?.output?.ms,
  databaseBytes: async () => {
    const root = await navigator.storage.getDirectory()
    return (await (await root.getFileHandle('bench.sqlite3')).getFile()).size
  },
})
