import { expect, test } from 'vitest'
import type { EngineEvent, RunFilter, RunStatus, TriggerResult } from '../protocol'
import { event, lease, run } from './examples'
import { fakeEvents, turn } from './fake-events'
import { JobStore, type JobStoreOptions } from './job-store'

interface Trigger {
  resolve: (result: TriggerResult) => void
  reject: (error: Error) => void
}

function setup(stored: [string, RunStatus][] = [], options: Partial<JobStoreOptions> = {}) {
  const client = fakeEvents()
  const triggers: Trigger[] = []
  const store = new JobStore(
    {
      ...client,
      getRuns: ({ status }: RunFilter = {}) =>
        Promise.resolve(
          stored.filter((each) => each[1] === status).map(([id, status]) => run({ id, status })),
        ),
      trigger: () => new Promise((resolve, reject) => triggers.push({ resolve, reject })),
      getRun: () => Promise.resolve(run({ status: 'completed', output: 0 })),
    },
    'import-csv',
    { initialRunId: null, autoResume: true, followLatest: true, ...options },
  )
  const stop = store.subscribe(() => undefined)
  return {
    store,
    stop,
    client,
    shown: () => store.getSnapshot().runId,
    answer: async (index: number, runId: string) => {
      triggers[index]?.resolve({ runId, disposition: 'created' })
      await turn()
    },
    refuse: (index: number) => triggers[index]?.reject(new Error('bad input')),
    hear: (...events: EngineEvent[]) => client.hear(events),
  }
}

test('resumes the run that executes rather than one that waits', async () => {
  const job = setup([
    ['waiting', 'pending'],
    ['running', 'leased'],
  ])
  job.client.open()
  await turn()
  expect(job.store.getSnapshot()).toMatchObject({ runId: 'running', assumed: 'leased' })
})

test('resumes the run that waits when none executes', async () => {
  const job = setup([['waiting', 'pending']])
  job.client.open()
  await turn()
  expect(job.shown()).toBe('waiting')
})

test('resumes nothing when told which run, or not to', async () => {
  const named = setup([['running', 'leased']], { initialRunId: 'named' })
  const off = setup([['running', 'leased']], { autoResume: false })
  for (const job of [named, off]) job.client.open()
  await turn()
  expect([named.shown(), off.shown()]).toEqual(['named', null])
})

test('resumes nothing once a run was triggered or given up', async () => {
  const triggered = setup([['running', 'leased']])
  void triggered.store.trigger({})
  const reset = setup([['running', 'leased']])
  reset.store.reset()
  for (const job of [triggered, reset]) job.client.open()
  await turn()
  expect([triggered.shown(), reset.shown()]).toEqual([null, null])
})

test('is pending from the trigger on', async () => {
  const job = setup()
  void job.store.trigger({})
  expect(job.store.getSnapshot()).toEqual({ runId: null, assumed: 'pending', error: null })
  await job.answer(0, 'a')
  expect(job.store.getSnapshot()).toEqual({ runId: 'a', assumed: 'pending', error: null })
})

test('shows the newest of two triggers, whichever answers last', async () => {
  const job = setup()
  void job.store.trigger({})
  void job.store.trigger({})
  await job.answer(1, 'second')
  await job.answer(0, 'first')
  expect(job.shown()).toBe('second')
})

test('tells a refused trigger, and throws it', async () => {
  const job = setup()
  const triggered = job.store.trigger({})
  job.refuse(0)
  await expect(triggered).rejects.toThrow('bad input')
  expect(job.store.getSnapshot()).toMatchObject({
    runId: null,
    assumed: null,
    error: { message: 'bad input' },
  })
})

test('a trigger that answers after a reset shows nothing', async () => {
  const job = setup()
  void job.store.trigger({})
  job.store.reset()
  await job.answer(0, 'a')
  expect(job.shown()).toBeNull()
})

test('follows what is triggered, coalesced or begun elsewhere', async () => {
  const job = setup()
  await turn()
  job.hear(event('run:trigger', {}, { runId: 'a' }), event('run:progress', { progress: { current: 1 } }))
  expect(job.store.getSnapshot()).toMatchObject({ runId: 'a', assumed: 'pending' })
  job.hear(event('run:leased', { ...lease, attempt: 1 }, { runId: 'b' }))
  expect(job.store.getSnapshot()).toMatchObject({ runId: 'b', assumed: 'leased' })
  job.hear(event('run:coalesced', { skippedLabels: {} }, { runId: 'c' }))
  expect(job.shown()).toBe('c')
})

test('follows nothing when told not to', async () => {
  const job = setup([], { followLatest: false })
  await turn()
  job.hear(event('run:trigger', {}, { runId: 'a' }))
  expect([job.shown(), job.client.count()]).toEqual([null, 0])
})

test('waits for falsy outputs, and after unmounting', async () => {
  const job = setup()
  const waited = job.store.triggerAndWait({})
  job.stop()
  await job.answer(0, 'a')
  job.client.open()
  expect(await waited).toEqual({ runId: 'a', disposition: 'created', output: 0 })
})

test('resumes a run that was begun before its events could be heard', async () => {
  const stored: [string, RunStatus][] = []
  const job = setup(stored)
  job.client.fail(new Error('offline'))
  await turn()
  expect(job.shown()).toBeNull()
  stored.push(['missed', 'leased'])
  job.client.open()
  await turn()
  expect(job.shown()).toBe('missed')
})

test('resumes also where it follows nothing', async () => {
  const job = setup([['running', 'leased']], { followLatest: false })
  await turn()
  expect(job.shown()).toBe('running')
})

test('does not bring back the run that was taken off when it is claimed', async () => {
  const job = setup()
  void job.store.trigger({})
  await job.answer(0, 'a')
  job.store.reset()
  job.hear(event('run:leased', { ...lease, attempt: 1 }))
  expect(job.shown()).toBeNull()
  job.hear(event('run:trigger', {}, { runId: 'b' }))
  expect(job.shown()).toBe('b')
})

test('an answer that comes after the claim does not make the run wait again', async () => {
  const job = setup()
  void job.store.trigger({})
  job.hear(event('run:leased', { ...lease, attempt: 1 }))
  await job.answer(0, 'a')
  expect(job.store.getSnapshot()).toMatchObject({ runId: 'a', assumed: 'leased' })
})

test('is pending while it waits to be heard, and tells when that is given up', async () => {
  const job = setup()
  const waiting = new AbortController()
  const waited = job.store.triggerAndWait({}, { onProgress: () => undefined, signal: waiting.signal })
  expect(job.store.getSnapshot()).toMatchObject({ runId: null, assumed: 'pending' })
  waiting.abort(new Error('bored'))
  await expect(waited).rejects.toThrow('bored')
  expect(job.store.getSnapshot()).toMatchObject({ assumed: null, error: { message: 'bored' } })
})
