import { expect, test } from 'vitest'
import type { GetRunOptions } from './client'
import { DurablyError } from './errors'
import type { ClientRun } from './protocol'
import { completed, event, run } from './react/examples'
import { fakeEvents, turn } from './react/fake-events'
import { triggerAndWait, waitForRun, type WaitOptions } from './waiting'

function setup(first: ClientRun | null | Error = run(), options: WaitOptions = {}) {
  const events = fakeEvents()
  const engine = { answer: first, views: [] as (string | undefined)[] }
  const client = {
    ...events,
    getRun: (_runId: string, { view }: GetRunOptions = {}) => {
      engine.views.push(view)
      return engine.answer instanceof Error ? Promise.reject(engine.answer) : Promise.resolve(engine.answer)
    },
  }
  const waited = waitForRun(client, 'a', options)
  waited.catch(() => undefined)
  return { client, engine, waited, ...events }
}

test('settles at once for a run that has ended already', async () => {
  const { open, waited, count, engine } = setup({ ...completed, output: 0 })
  open()
  expect((await waited).output).toBe(0)
  expect(count()).toBe(0)
  expect(engine.views).toEqual(['summary', 'full'])
})

test('settles with the run as it is after the event that ends it', async () => {
  const { open, hear, waited, engine } = setup()
  open()
  await turn()
  engine.answer = { ...completed, output: null }
  hear([event('run:complete', { duration: 1 })])
  expect((await waited).status).toBe('completed')
  // A large input comes once.
  expect(engine.views).toEqual(['summary', 'full'])
})

test('looks at all of a run whose end it has heard of, also after a gap', async () => {
  const { open, hear, waited, engine } = setup()
  open()
  await turn()
  hear([event('run:complete', { duration: 1 })])
  open()
  await turn()
  engine.answer = completed
  open()
  expect((await waited).status).toBe('completed')
  expect(engine.views).toEqual(['summary', 'full', 'full', 'full'])
})

test('finds out after a gap what happened in it', async () => {
  const { open, waited, engine } = setup()
  open()
  await turn()
  engine.answer = completed
  open()
  expect((await waited).status).toBe('completed')
})

test.each([
  [
    run({ status: 'failed', isTerminal: true, error: 'no' }),
    { code: 'run_failed', message: 'no', name: 'RunFailedError' },
  ],
  [run({ status: 'cancelled', isTerminal: true }), { code: 'cancelled' }],
  [null, { code: 'not_found' }],
  [new DurablyError({ code: 'forbidden', status: 403, message: 'No.' }), { code: 'forbidden' }],
])('rejects for a run that ended otherwise %#', async (found, error) => {
  const { open, waited } = setup(found)
  open()
  await expect(waited).rejects.toMatchObject(error)
})

test('waits through a network that fails', async () => {
  const { open, fail, waited, engine } = setup(
    new DurablyError({ code: 'network', status: 503, message: 'Off.' }),
  )
  fail(new Error('Off.'))
  await turn()
  engine.answer = completed
  open()
  expect((await waited).id).toBe('a')
})

test('rejects when the run is deleted while it is waited for', async () => {
  const { open, hear, waited, engine } = setup()
  open()
  await turn()
  engine.answer = null
  hear([event('run:delete', { reason: 'deleted' })])
  await expect(waited).rejects.toMatchObject({ code: 'not_found' })
})

test('gives up after the time given, and with the reason of a signal', async () => {
  const late = setup(run(), { timeoutMs: 5 })
  await expect(late.waited).rejects.toMatchObject({ code: 'timeout' })
  const reason = new Error('bored')
  const waiting = new AbortController()
  const bored = setup(run(), { signal: waiting.signal })
  waiting.abort(reason)
  await expect(bored.waited).rejects.toBe(reason)
  await expect(setup(run(), { signal: AbortSignal.abort(reason) }).waited).rejects.toBe(reason)
  expect([late.count(), bored.count()]).toEqual([0, 0])
})

test('looks again by itself when a look failed for a reason that passes', async () => {
  const { open, waited, engine } = setup(
    new DurablyError({ code: 'internal', status: 502, message: 'Bad gateway.' }),
  )
  open()
  await turn()
  engine.answer = completed
  expect((await waited).id).toBe('a')
  expect(engine.views).toEqual(['summary', 'summary', 'full'])
})

test('waits for ever when told so', async () => {
  const { open, waited, engine, hear } = setup(run(), { timeoutMs: Infinity })
  open()
  await turn()
  engine.answer = completed
  hear([event('run:complete', { duration: 1 })])
  expect((await waited).id).toBe('a')
})

function callbacks(answer = completed) {
  const events = fakeEvents()
  const told: number[] = []
  const client = { ...events, getRun: () => Promise.resolve(answer) }
  const report = (current: number, runId: string) =>
    event('run:progress', { progress: { current } }, { runId })
  return {
    ...events,
    client,
    told,
    report,
    onProgress: ({ current }: { current: number }) => told.push(current),
  }
}

test('tells callbacks what the run told before its id was known, and nothing of others', async () => {
  const { client, told, report, onProgress, hear, open, count } = callbacks()
  const done = triggerAndWait(client, 'import-csv', { onProgress }, () => {
    hear([report(1, 'a'), report(5, 'b')])
    return Promise.resolve({ runId: 'a', disposition: 'created' })
  })
  open()
  await turn()
  // The run is seen to have ended before its last words are heard.
  open()
  await turn()
  hear([report(2, 'a'), report(6, 'b'), event('run:complete', { duration: 1 })])
  expect(await done).toEqual({ runId: 'a', disposition: 'created', output: null })
  expect([told, count()]).toEqual([[1, 2], 0])
})

test('begins also when nothing can be heard, and heeds its signal before', async () => {
  const { client, fail, onProgress } = callbacks()
  const trigger = () => Promise.resolve({ runId: 'a', disposition: 'created' } as const)
  const reason = new Error('bored')
  const waiting = new AbortController()
  const bored = triggerAndWait(client, 'work', { onProgress, signal: waiting.signal }, trigger)
  waiting.abort(reason)
  await expect(bored).rejects.toBe(reason)
  const done = triggerAndWait(client, 'work', { onProgress }, trigger)
  fail(new Error('Off.'))
  await turn()
  fail(new Error('Off.'))
  expect((await done).runId).toBe('a')
})

test('the time given is that of everything, also of what comes before the run', async () => {
  const { client, onProgress, count } = callbacks()
  const never = () => new Promise<never>(() => undefined)
  const unheard = triggerAndWait(client, 'work', { onProgress, timeoutMs: 10 }, never)
  await expect(unheard).rejects.toMatchObject({
    code: 'timeout',
    message: 'No run was begun within 10 ms. It may be yet.',
  })
  const unanswered = triggerAndWait(client, 'work', { timeoutMs: 10 }, never)
  await expect(unanswered).rejects.toMatchObject({ code: 'timeout' })
  const trigger = () => Promise.resolve({ runId: 'a', disposition: 'created' } as const)
  const endless = triggerAndWait(client, 'work', { timeoutMs: 10 }, trigger)
  await expect(endless).rejects.toMatchObject({
    code: 'timeout',
    message: 'The run a did not end within 10 ms. It goes on.',
  })
  expect(count()).toBe(0)
})
