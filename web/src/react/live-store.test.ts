import { expect, test, vi } from 'vitest'
import { DurablyError } from '../errors'
import { BOOTING, type EngineEvent, type EngineStatus } from '../protocol'
import { fakeEvents, turn } from './fake-events'
import { LiveStore, type LoadRequest } from './live-store'

interface Pending extends LoadRequest {
  resolve: (value: string) => void
  reject: (error: Error) => void
}

/** A store whose answers are given by hand. */
function setup({ live = true } = {}) {
  const client = fakeEvents()
  const pending: Pending[] = []
  const store = new LiveStore<string, string>(client, {
    initial: '',
    filter: live ? {} : undefined,
    load: (request) => new Promise((resolve, reject) => pending.push({ ...request, resolve, reject })),
    reduce: (state, action) => {
      switch (action.type) {
        case 'loaded':
          return [action.snapshot, ...action.since.map(({ type }) => type)].join('+')
        case 'load-failed':
          return `failed: ${action.error.message}`
        case 'heard':
          return `${state}+${action.events.map(({ type }) => type).join('+')}`
      }
    },
    outdates: (_state, events) => events.some(({ type }) => type === 'run:complete'),
  })
  return {
    store,
    pending,
    client,
    hear: (type: EngineEvent['type']) => client.hear([{ type } as EngineEvent]),
    answer: async (load: number, value: string) => {
      pending[load]?.resolve(value)
      await turn()
    },
  }
}

function status(change: Partial<EngineStatus>): EngineStatus {
  return { ...BOOTING, ...change }
}

test('asks nothing before it can hear', () => {
  const { store, client, pending } = setup()
  store.subscribe(() => undefined)
  expect(pending).toHaveLength(0)
  client.open()
  expect(pending).toHaveLength(1)
})

test('replays on the answer what was heard meanwhile', async () => {
  const { store, client, hear, answer } = setup()
  store.subscribe(() => undefined)
  client.open()
  hear('run:trigger')
  await answer(0, 'one')
  expect(store.getSnapshot()).toBe('one+run:trigger')
})

test('asks again after a gap and ignores the answer from before', async () => {
  const { store, client, answer } = setup()
  store.subscribe(() => undefined)
  client.open()
  client.open()
  await answer(1, 'new')
  await answer(0, 'old')
  expect(store.getSnapshot()).toBe('new')
})

test('asks once more however often it is outdated while it waits', async () => {
  const { store, client, hear, answer, pending } = setup()
  store.subscribe(() => undefined)
  client.open()
  for (let time = 0; time < 5; time++) hear('run:complete')
  expect(pending).toHaveLength(1)
  await answer(0, 'one')
  expect(pending).toHaveLength(2)
  await answer(1, 'two')
  expect(pending).toHaveLength(2)
  expect(store.getSnapshot()).toBe('two')
})

test('asks for all of it until that was loaded, and then for what is missing', async () => {
  const { store, client, hear, answer, pending } = setup()
  store.subscribe(() => undefined)
  client.open()
  store.load({ isWhole: false })
  expect(pending.map(({ signal }) => signal.aborted)).toEqual([true, false])
  pending[1]?.reject(new Error('no'))
  await turn()
  store.load({ isWhole: false })
  await answer(2, 'one')
  hear('run:complete')
  client.open()
  expect(pending.map(({ isWhole }) => isWhole)).toEqual([true, true, true, false, true])
})

test('shows what there is also when it can hear nothing', async () => {
  const { store, client, answer } = setup()
  store.subscribe(() => undefined)
  client.fail(new Error('offline'))
  await answer(0, 'one')
  expect(store.getSnapshot()).toBe('one')
})

test('tells an answer that can not be had and goes on', async () => {
  const { store, client, pending, answer } = setup()
  store.subscribe(() => undefined)
  client.open()
  pending[0]?.reject(new Error('no'))
  await turn()
  expect(store.getSnapshot()).toBe('failed: no')
  client.open()
  await answer(1, 'yes')
  expect(store.getSnapshot()).toBe('yes')
})

test('tries again by itself what failed for a reason that passes', async () => {
  const { store, client, pending, answer } = setup()
  store.subscribe(() => undefined)
  client.open()
  pending[0]?.reject(new DurablyError({ code: 'network', status: 503, message: 'Off.' }))
  await vi.waitFor(() => expect(pending).toHaveLength(2))
  await answer(1, 'one')
  expect(store.getSnapshot()).toBe('one')
})

test('survives unsubscribing and subscribing again', async () => {
  const { store, client, answer } = setup()
  store.subscribe(() => undefined)()
  expect(client.count()).toBe(0)
  store.subscribe(() => undefined)
  client.open()
  await answer(0, 'kept')
  expect(store.getSnapshot()).toBe('kept')
})

test('hears no answer after the last subscriber is gone', async () => {
  const { store, client, answer } = setup()
  const stop = store.subscribe(() => undefined)
  client.open()
  stop()
  await answer(0, 'late')
  expect(store.getSnapshot()).toBe('')
})

test('what needs no events is asked at once, and again by a new engine', async () => {
  const { store, client, pending, answer } = setup({ live: false })
  store.subscribe(() => undefined)
  await turn()
  expect(client.count()).toBe(0)
  client.tell(status({ state: 'ready' }))
  expect(pending).toHaveLength(1)
  await answer(0, 'one')
  client.tell(status({ state: 'ready', percent: 100 }))
  expect(pending).toHaveLength(1)
  client.tell(status({ state: 'starting' }))
  client.tell(status({ state: 'ready' }))
  expect(pending).toHaveLength(2)
})
