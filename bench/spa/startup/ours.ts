import { createDurably } from '../../../web/src/index.ts'
import { createOffline } from '../../../web/src/offline/index.ts'
import { complete, reached } from './found.ts'

const snapshot = new URLSearchParams(location.search).get('snapshot') !== 'false'
const durably = createDurably({ spa: { database: 'startup', runtimeUrl: '../durably/', snapshot } })
const offline = createOffline({ serviceWorkerUrl: '../sw.js' })
// A page need not wait for its engine.
const triggered = durably.trigger('bench', { steps: 0 })
await durably.ready()
reached('ready')
const { runId } = await triggered
await durably.waitForRun(runId)
reached('completed')
// In words of numbers, as all that is found.
globalThis.found.snapshot = durably.status.startedFrom === 'snapshot' ? 1 : 0
for (const [phase, ms] of Object.entries(durably.status.timings)) globalThis.found[phase] = ms
Object.assign(globalThis, { durably, offline })
complete()
