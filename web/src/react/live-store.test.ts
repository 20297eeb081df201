import { expect, test } from 'vitest'
import type { Durably } from '../client'
import type { EngineEvent, EngineStatus } from '../protocol'
import { LiveStore } from './live-store'

interface Pending {
  resolve(value: string): void
}

/** A client of which only the parts that a store uses exist; its answers are given by hand. */
function setup({ epoch = 1 } = {}) {
  const listeners = new Set<(events: readonly EngineEvent[]) => void>()
  const statusListeners = new Set<(status: EngineStatus) => void>()
  const pending: Pending[] = []
  const status: EngineStatus = {
    state: 'ready',
    phase: 'ready',
    percent: 100,
    timings: {},
    error: null,
    pause: null,
    storage: null,
    epoch,
  }
  const client = {
    status,
    subscribe: (listener: (events: readonly EngineEvent[]) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onStatus: (listener: (status: EngineStatus) => void) => {
      statusListeners.add(listener)
      return () => statusListeners.delete(listener)
    },
  } as unknown as Durably
  const store = new LiveStore<string, string>(client, {
    initial: '',
    load: () => new Promise((resolve) => pending.push({ resolve })),
    reduce: (state, action) => {
      if (action.type === 'loaded')
        return [action.snapshot, ...action.since.map(({ type }) => type)].join('+')
      return action.type === 'heard' ? `${state}+${action.events.map(({ type }) => type).join('+')}` : state
    },
    outdates: (_state, events) => events.some(({ type }) => type === 'run:complete'),
  })
  return {
    store,
    pending,
    listeners,
    hear: (type: EngineEvent['type']) => {
      for (const listener of listeners) listener([{ type } as EngineEvent])
    },
    restart: (next: number) => {
      for (const listener of statusListeners) listener({ ...status, epoch: next })
    },
    answer: async (load: number, value: string) => {
      pending[load]?.resolve(value)
      await Promise.resolve()
      await Promise.resolve()
    },
  }
}

test('replays on the answer what was heard meanwhile', async () => {
  const { store, hear, answer } = setup()
  store.subscribe(() => undefined)
  hear('run:trigger')
  await answer(0, 'one')
  expect(store.getSnapshot()).toBe('one+run:trigger')
})

test('ignores the older of two answers that come out of order', async () => {
  const { store, hear, answer } = setup()
  store.subscribe(() => undefined)
  hear('run:complete')
  await answer(1, 'new')
  await answer(0, 'old')
  expect(store.getSnapshot()).toBe('new')
})

test('loads again after a restart of the engine but not at its first boot', () => {
  const { store, pending, restart } = setup({ epoch: 0 })
  store.subscribe(() => undefined)
  restart(1)
  expect(pending).toHaveLength(1)
  restart(2)
  expect(pending).toHaveLength(2)
})

test('survives unsubscribing and subscribing again', async () => {
  const { store, listeners, answer } = setup()
  store.subscribe(() => undefined)()
  expect(listeners.size).toBe(0)
  store.subscribe(() => undefined)
  await answer(0, 'dropped')
  expect(store.getSnapshot()).toBe('')
  await answer(1, 'kept')
  expect(store.getSnapshot()).toBe('kept')
})
