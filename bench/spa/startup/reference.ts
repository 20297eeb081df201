import { createDurably, defineJob } from '@coji/durably'
import { SQLocalKysely } from 'sqlocal/kysely'
import { z } from 'zod'
import { complete, reached } from './found.ts'

const bench = defineJob({
  name: 'bench',
  input: z.object({ steps: z.number() }),
  output: z.object({}),
  run: async () => ({}),
})

// The settings that its documentation gives for browsers.
const { dialect } = new SQLocalKysely('startup.sqlite3')
const began = performance.now()
const durably = createDurably({
  dialect,
  pollingIntervalMs: 100,
  leaseRenewIntervalMs: 500,
  leaseMs: 3000,
  jobs: { bench },
})
await durably.init()
reached('ready')
globalThis.found.init = performance.now() - began
await durably.jobs.bench.triggerAndWait({ steps: 0 })
reached('completed')
complete()
