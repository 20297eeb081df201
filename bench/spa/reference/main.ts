import { createDurably, defineJob } from '@coji/durably'
import { SQLocalKysely } from 'sqlocal/kysely'
import { z } from 'zod'
import { offer } from '../measure.ts'

const bench = defineJob({
  name: 'bench',
  input: z.object({ steps: z.number() }),
  output: z.object({ steps: z.number() }),
  run: async (step, input) => {
    for (let index = 0; index < input.steps; index++) await step.run(`step-${index}`, () => index)
    return { steps: input.steps }
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
  jobs: { bench },
})
await durably.init()
offer({
  trigger: async (steps) => {
    await durably.jobs.bench.trigger({ steps })
  },
  onComplete: (listener) => durably.on('run:complete', () => listener()),
})
