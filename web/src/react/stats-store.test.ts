import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { StatsQuery, SubscribeOptions } from '../client'
import { DurablyError } from '../errors'
import { BOOTING, type EngineEvent, type EngineStatus, type Stats } from '../protocol'
import { StatsStore } from './stats-store'

const MINUTE_MS = 60_000
const EMPTY: Stats = { since: '', until: '', bucketMs: MINUTE_MS, jobs: [] }

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2030, 0, 1, 12, 0, 30) })
})

afterEach(() => {
  vi.useRealTimers()
})

class Client {
  readonly asked: StatsQuery[] = []
  answer: () => Promise<Stats> = () => Promise.resolve(EMPTY)
  #hear: (events: readonly EngineEvent[]) => void = () => undefined
  options: SubscribeOptions | undefined
  status: EngineStatus = { ...BOOTING, state: 'ready' }
  readonly #followers = new Set<(status: EngineStatus) => void>()

  getStats(query: StatsQuery): Promise<Stats> {
    this.asked.push(query)
    return this.answer()
  }

  subscribe(listener: (events: readonly EngineEvent[]) => void, options?: SubscribeOptions): () => void {
    this.#hear = listener
    this.options = options
    queueMicrotask(() => options?.onOpen?.())
    return () => undefined
  }

  onStatus(listener: (status: EngineStatus) => void): () => void {
    this.#followers.add(listener)
    return () => this.#followers.delete(listener)
  }

  become(state: EngineStatus['state']): void {
    this.status = { ...this.status, state }
    for (const follower of this.#followers) follower(this.status)
  }

  tell(type: string): void {
    this.#hear([{ type, runId: '1', jobName: 'work', labels: {} } as unknown as EngineEvent])
  }
}

function connected(): { client: Client; store: StatsStore; stop: () => void } {
  const client = new Client()
  const store = new StatsStore(client, { jobName: 'work' }, { windowMs: 3_600_000, bucketMs: MINUTE_MS })
  return { client, store, stop: store.subscribe(() => undefined) }
}

test('asks for whole stretches, the last of which is not over yet', async () => {
  const { client } = connected()
  await vi.advanceTimersByTimeAsync(0)
  expect(client.asked).toEqual([
    {
      jobName: 'work',
      since: new Date(Date.UTC(2030, 0, 1, 11, 1)),
      until: new Date(Date.UTC(2030, 0, 1, 12, 1)),
      bucketMs: MINUTE_MS,
    },
  ])
})

test('asks once for many runs that end, and not for a step', async () => {
  const { client } = connected()
  await vi.advanceTimersByTimeAsync(0)
  client.tell('step:complete')
  await vi.advanceTimersByTimeAsync(5000)
  expect(client.asked).toHaveLength(1)
  for (let each = 0; each < 50; each += 1) client.tell('run:complete')
  await vi.advanceTimersByTimeAsync(1000)
  expect(client.asked).toHaveLength(2)
})

test('what happens while an answer is under way is asked for after it', async () => {
  const { client } = connected()
  await vi.advanceTimersByTimeAsync(0)
  let answer: (stats: Stats) => void = () => undefined
  client.answer = () => new Promise((resolve) => (answer = resolve))
  client.tell('run:fail')
  await vi.advanceTimersByTimeAsync(1000)
  expect(client.asked).toHaveLength(2)
  client.tell('run:fail')
  await vi.advanceTimersByTimeAsync(50)
  expect(client.asked).toHaveLength(2)
  answer(EMPTY)
  await vi.advanceTimersByTimeAsync(1000)
  expect(client.asked).toHaveLength(3)
})

test('moves on with time, and no more once nobody looks', async () => {
  const { client, stop } = connected()
  await vi.advanceTimersByTimeAsync(MINUTE_MS)
  expect(client.asked.map(({ until }) => until?.getUTCMinutes())).toEqual([1, 2])
  stop()
  await vi.advanceTimersByTimeAsync(10 * MINUTE_MS)
  expect(client.asked).toHaveLength(2)
  expect(client.options?.signal?.aborted).toBe(true)
})

test('leaves the engine alone for ten times what an answer took', async () => {
  const { client } = connected()
  await vi.advanceTimersByTimeAsync(0)
  client.answer = () => new Promise((resolve) => setTimeout(() => resolve(EMPTY), 500))
  client.tell('run:complete')
  await vi.advanceTimersByTimeAsync(1500)
  expect(client.asked).toHaveLength(2)
  client.tell('run:complete')
  await vi.advanceTimersByTimeAsync(4900)
  expect(client.asked).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(200)
  expect(client.asked).toHaveLength(3)
})

test('asks again soon after a failure that may pass', async () => {
  const { client, store } = connected()
  await vi.advanceTimersByTimeAsync(0)
  const busy = { code: 'internal', status: 503, message: 'Busy.' }
  client.answer = () => Promise.reject(new DurablyError(busy))
  client.tell('run:complete')
  await vi.advanceTimersByTimeAsync(1000)
  expect(store.getSnapshot().error).toBe('Busy.')
  client.answer = () => Promise.resolve(EMPTY)
  await vi.advanceTimersByTimeAsync(500)
  expect(store.getSnapshot()).toEqual({ stats: EMPTY, isLoading: false, error: null })
})

test('asks at once when a server that was away is back', async () => {
  const { client, stop } = connected()
  client.become('offline')
  client.answer = () => Promise.reject(new DurablyError({ code: 'network', status: 503, message: 'away' }))
  await vi.advanceTimersByTimeAsync(MINUTE_MS)
  const before = client.asked.length
  client.answer = () => Promise.resolve(EMPTY)
  client.become('ready')
  await vi.advanceTimersByTimeAsync(0)
  expect(client.asked.length).toBe(before + 1)
  stop()
})

test('keeps what it had when a later look fails', async () => {
  const { client, store } = connected()
  await vi.advanceTimersByTimeAsync(0)
  expect(store.getSnapshot()).toEqual({ stats: EMPTY, isLoading: false, error: null })
  client.answer = () => Promise.reject(new Error('No server.'))
  client.tell('run:complete')
  await vi.advanceTimersByTimeAsync(1000)
  expect(store.getSnapshot()).toEqual({ stats: EMPTY, isLoading: false, error: 'No server.' })
})
