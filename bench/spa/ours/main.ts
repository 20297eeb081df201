import { createDurably } from '../../../web/src/index.ts'
import { offer } from '../measure.ts'

const durably = createDurably({ spa: { database: 'bench' } })
await durably.ready()
offer({
  trigger: (steps, waits = false) => durably.trigger('bench', { steps, waits }),
  triggerBatch: async (steps, runs) => {
    await durably.jobs.bench?.batchTrigger(Array.from({ length: runs }, () => ({ input: { steps } })))
  },
  on: (type, listener) =>
    durably.subscribe((events) => {
      for (const event of events) if (event.type === type) listener()
    }),
  list: (limit) => durably.getRuns({ status: 'pending', limit }),
  stepsMs: async (runId) => ((await durably.getRun(runId))?.output as { ms: number } | null)?.ms,
  databaseBytes: async () => (await durably.storage.export()).size,
})
