import { createDurably } from '../../../web/src/index.ts'
import { offer } from '../measure.ts'

const durably = createDurably({ spa: { database: 'bench' } })
await durably.ready()
offer({
  trigger: async (steps) => {
    await durably.jobs.bench?.trigger({ steps })
  },
  onComplete: (listener) =>
    durably.subscribe((events) => {
      for (const event of events) if (event.type === 'run:complete') listener()
    }),
})
