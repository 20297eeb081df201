import { describe, expect, test, vi } from 'vitest'
import { DurablyError } from '../errors'
import type { ClientRun, EngineEvent, RunStatus } from '../protocol'
import { event, lease, run } from './examples'
import { turn } from './fake-events'
import { fakeRuns } from './fake-runs'
import { hasMore } from './infinite-runs-state'
import { InfiniteRunsStore } from './infinite-runs-store'

interface Options {
  pageSize?: number
  statuses?: RunStatus[]
  isSummary?: boolean
  realtime?: boolean
  knowsCursors?: boolean
}

function setup(stored: ClientRun[], options: Options = {}) {
  const { pageSize = 3, statuses, isSummary = true, realtime = true, knowsCursors = true } = options
  const { client, ...engine } = fakeRuns(stored, { knowsCursors })
  /** How many runs were shown, each time that something changed. */
  const lengths: number[] = []
  const store = new InfiniteRunsStore(client, { realtime }, { pageSize, statuses, isSummary })
  const stop = store.subscribe(() => lengths.push(store.getSnapshot().runs.length))
  return {
    ...engine,
    store,
    stored,
    lengths,
    stop,
    client,
    state: () => store.getSnapshot(),
    ids: () => store.getSnapshot().runs.map(({ id }) => id),
    hasMore: () => hasMore(store.getSnapshot()),
    hear: (...events: EngineEvent[]) => client.hear(events),
    more: async () => {
      store.loadMore()
      await turn()
    },
  }
}

async function opened(...args: Parameters<typeof setup>) {
  const list = setup(...args)
  list.client.open()
  await turn()
  return list
}

function id(number: number): string {
  return `r${String(number).padStart(5, '0')}`
}

function ids(...numbers: number[]): string[] {
  return numbers.map(id)
}

/** The runs with the numbers from `newest` down to `oldest`. */
function runs(newest: number, fields: Partial<ClientRun> = {}, oldest = 1): ClientRun[] {
  return Array.from({ length: newest - oldest + 1 }, (_, index) => run({ id: id(newest - index), ...fields }))
}

function triggered(number: number): EngineEvent {
  return event('run:trigger', {}, { runId: id(number) })
}

function leased(number: number, attempt = 1): EngineEvent {
  return event('run:leased', { ...lease, attempt }, { runId: id(number) })
}

function completed(number: number): EngineEvent {
  return event('run:complete', { duration: 1 }, { runId: id(number) })
}

function failed(number: number): EngineEvent {
  return event('run:fail', { error: 'no', failedStepName: null }, { runId: id(number) })
}

function deleted(number: number): EngineEvent {
  return event('run:delete', { reason: 'deleted' }, { runId: id(number) })
}

const OFFLINE = new DurablyError({ code: 'network', status: 503, message: 'Off.' })

describe('pages', () => {
  test('begins with the newest page and asks for one run more', async () => {
    const list = await opened(runs(8))
    expect(list.ids()).toEqual(ids(8, 7, 6))
    expect([list.hasMore(), list.state().isLoading]).toEqual([true, false])
    expect(list.asked).toEqual([expect.objectContaining({ limit: 4, view: 'summary', cursor: undefined })])
  })

  test('appends older ones by cursor until there are no more', async () => {
    const list = await opened(runs(8))
    list.store.loadMore()
    expect(list.state()).toMatchObject({ isLoadingMore: true, isLoading: false })
    await turn()
    expect(list.ids()).toEqual(ids(8, 7, 6, 5, 4, 3))
    expect([list.hasMore(), list.state().isLoadingMore]).toEqual([true, false])
    await list.more()
    expect(list.ids()).toEqual(ids(8, 7, 6, 5, 4, 3, 2, 1))
    expect(list.hasMore()).toBe(false)
    expect(list.asked.slice(1)).toMatchObject([
      { limit: 4, cursor: id(6) },
      { limit: 4, cursor: id(3) },
    ])
    expect(list.asked.some((filter) => 'offset' in filter)).toBe(false)
  })

  test('neither repeats nor skips one when runs are triggered meanwhile', async () => {
    const list = await opened(runs(8))
    list.stored.unshift(...runs(10, {}, 9))
    list.hear(triggered(9))
    const release = list.hold()
    list.store.loadMore()
    list.hear(triggered(10))
    await release()
    expect(list.ids()).toEqual(ids(10, 9, 8, 7, 6, 5, 4, 3))
  })

  test('goes on where it was when the last run is deleted', async () => {
    const list = await opened(runs(8), { pageSize: 2 })
    await list.more()
    list.stored.splice(3, 1)
    list.hear(deleted(5))
    await list.more()
    expect(list.ids()).toEqual(ids(8, 7, 6, 4, 3))
  })

  test('asks once however often it is asked to', async () => {
    const list = await opened(runs(8))
    list.store.loadMore()
    list.store.loadMore()
    await turn()
    expect([list.asked.length, list.ids().length]).toEqual([2, 6])
  })

  test('asks nothing before the first page and after the last', async () => {
    const list = setup(runs(2))
    list.store.loadMore()
    list.client.open()
    list.store.loadMore()
    await turn()
    const before = list.state()
    await list.more()
    expect([list.asked.length, list.state() === before]).toEqual([1, true])
  })

  test('a page may be larger than an answer', async () => {
    const list = await opened(runs(2500), { pageSize: 1200 })
    await list.more()
    expect(list.ids()).toEqual(runs(2500, {}, 101).map(({ id }) => id))
    expect(list.asked.map(({ limit }) => limit)).toEqual([1000, 201, 1000, 201])
  })

  test('ends where a server knows no cursors', async () => {
    const list = await opened(runs(8), { knowsCursors: false })
    await list.more()
    expect([list.ids(), list.hasMore()]).toEqual([ids(8, 7, 6, 5), false])
  })
})

describe('kept current in place', () => {
  test('moves runs of all pages without asking', async () => {
    const list = await opened(runs(8))
    await list.more()
    list.hear(
      completed(8),
      event('run:progress', { progress: { current: 1, total: 2 } }, { runId: id(3) }),
      leased(3, 2),
    )
    await turn()
    expect(list.state().runs[0]).toMatchObject({ id: id(8), status: 'completed' })
    expect(list.state().runs[5]).toMatchObject({ id: id(3), attempt: 2, progress: { current: 1 } })
    expect([list.ids(), list.asked.length]).toEqual([ids(8, 7, 6, 5, 4, 3), 2])
  })

  test('puts new runs in front, once and by time', async () => {
    const list = await opened(runs(3))
    list.hear(triggered(6), triggered(4), triggered(4))
    list.hear(triggered(5), triggered(6))
    await turn()
    expect([list.ids(), list.asked.length]).toEqual([ids(6, 5, 4, 3, 2, 1), 1])
    expect(list.state().runs[0]).toMatchObject({ status: 'pending', jobName: 'import-csv' })
  })

  test('leaves what is older than the last to its page', async () => {
    const list = await opened(runs(8).filter((each) => each.id !== id(2)))
    list.stored.splice(6, 0, run({ id: id(2) }))
    list.hear(triggered(2))
    expect(list.ids()).toEqual(ids(8, 7, 6))
    await list.more()
    await list.more()
    expect(list.ids()).toEqual(ids(8, 7, 6, 5, 4, 3, 2, 1))
  })

  test('puts what is older than the last behind it where the list ends', async () => {
    const list = await opened(runs(3, {}, 2))
    list.hear(triggered(1))
    expect(list.ids()).toEqual(ids(3, 2, 1))
  })

  test('drops deleted runs, also one that is being read', async () => {
    const list = await opened(runs(8))
    const release = list.hold()
    list.store.loadMore()
    list.hear(deleted(7), deleted(4))
    expect(list.ids()).toEqual(ids(8, 6))
    await release()
    expect(list.ids()).toEqual(ids(8, 6, 5, 3))
  })

  test('reads on when the first page is no longer full', async () => {
    const list = await opened(runs(8))
    list.stored.splice(0, 2)
    list.hear(deleted(8), deleted(7))
    await turn()
    expect(list.ids()).toEqual(ids(6, 5, 4))
    expect(list.asked.slice(1)).toMatchObject([{ cursor: id(6), limit: 3 }])
  })

  test('reads a run that it missed', async () => {
    const list = await opened(runs(3))
    list.stored.unshift(run({ id: id(4) }))
    list.hear(leased(4))
    await turn()
    expect(list.ids()).toEqual(ids(4, 3, 2, 1))
  })

  test('replays on an answer what was heard meanwhile, and sets nothing back', async () => {
    const list = setup(runs(2, { progress: { current: 6, total: 10 } }))
    const release = list.hold()
    list.client.open()
    list.hear(
      event('run:progress', { progress: { current: 5, total: 10 } }, { runId: id(2) }),
      event('run:progress', { progress: { current: 7, total: 10 } }, { runId: id(1) }),
    )
    await release()
    expect(list.state().runs.map(({ progress }) => progress?.current)).toEqual([6, 7])
  })

  test('does not set progress back that is not stored yet when the list is read anew', async () => {
    const list = await opened(runs(1, { progress: { current: 4, total: 10 } }))
    list.hear(event('run:progress', { progress: { current: 5, total: 10 } }, { runId: id(1) }))
    list.client.open()
    await turn()
    expect(list.state().runs[0]?.progress?.current).toBe(5)
  })

  test('stays the same object when events are no news', async () => {
    const list = await opened(runs(8))
    const before = list.state()
    list.hear(
      event('run:lease-renewed', lease, { runId: id(8) }),
      leased(1),
      completed(2),
      event('step:start', { stepName: 's', stepIndex: 0 }, { runId: id(7) }),
    )
    await turn()
    expect(list.state()).toBe(before)
    expect(list.asked).toHaveLength(1)
  })

  test('goes through many events of a long list once', async () => {
    let looks = 0
    const counted = runs(10_000).map((each) => ({
      ...each,
      get id() {
        looks++
        return each.id
      },
    }))
    const list = await opened(counted, { pageSize: 10_000 })
    expect(list.asked).toHaveLength(11)
    const before = list.lengths.length
    looks = 0
    list.hear(
      ...Array.from({ length: 200 }, (_, index) => triggered(10_001 + index)),
      ...Array.from({ length: 200 }, (_, index) => completed(1 + index * 40)),
      ...Array.from({ length: 100 }, (_, index) => deleted(2 + index * 40)),
    )
    expect(looks).toBeLessThan(10 * 10_000)
    await turn()
    expect(list.asked).toHaveLength(11)
    expect(list.lengths.slice(before)).toEqual([10_100])
    const shown = list.state().runs
    expect([shown[0]?.id, shown[199]?.id, shown[200]?.id]).toEqual(ids(10_200, 10_001, 10_000))
    expect(shown.filter(({ status }) => status === 'completed')).toHaveLength(200)
    expect(list.ids()).toEqual([...new Set(list.ids())].sort().reverse())
  })
})

describe('with inputs and outputs', () => {
  test('shows a run as completed together with its output, and reads no other', async () => {
    const list = await opened(runs(8, { input: {} }), { isSummary: false })
    await list.more()
    list.stored[4] = run({ id: id(4), input: {}, status: 'completed', isTerminal: true, output: 0 })
    list.hear(completed(4))
    expect(list.state().runs[4]?.status).toBe('leased')
    await turn()
    expect(list.state().runs[4]).toMatchObject({ id: id(4), status: 'completed', output: 0 })
    expect(list.asked.slice(2)).toMatchObject([{ cursor: id(5), limit: 2, view: 'full' }])
    expect(list.ids()).toEqual(ids(8, 7, 6, 5, 4, 3))
  })

  test('reads the input of a new run', async () => {
    const list = await opened(runs(3, { input: {} }), { isSummary: false })
    list.stored.unshift(run({ id: id(4), status: 'pending', attempt: 0, input: { rows: 1 } }))
    list.hear(triggered(4))
    expect(list.ids()).toEqual(ids(4, 3, 2, 1))
    await turn()
    expect(list.state().runs[0]).toMatchObject({ id: id(4), input: { rows: 1 } })
    expect(list.asked).toHaveLength(2)
  })
})

describe('of some statuses', () => {
  test('takes off what is no longer in them', async () => {
    const list = await opened(runs(3), { statuses: ['leased'] })
    list.hear(completed(2), event('run:requeue', { reason: 'released', attempt: 1 }, { runId: id(1) }))
    await turn()
    expect([list.ids(), list.asked.length]).toEqual([ids(3), 1])
  })

  test('takes in what is triggered only where that is listed', async () => {
    const active = await opened(runs(2), { statuses: ['pending', 'leased'] })
    active.hear(triggered(3), leased(3))
    const ended = await opened([], { statuses: ['failed'] })
    ended.hear(triggered(3), leased(3))
    await turn()
    expect([active.ids(), active.asked.length]).toEqual([ids(3, 2, 1), 1])
    expect([ended.ids(), ended.asked.length]).toEqual([[], 1])
  })

  test('reads what gets there in its place, and nothing else', async () => {
    const list = await opened(runs(9), { statuses: ['leased'] })
    await list.more()
    list.stored[3] = run({ id: id(6), status: 'pending' })
    list.hear(event('run:requeue', { reason: 'released', attempt: 1 }, { runId: id(6) }))
    await turn()
    expect(list.ids()).toEqual(ids(9, 8, 7, 5, 4))
    list.stored[3] = run({ id: id(6), attempt: 2 })
    list.hear(leased(6, 2))
    await turn()
    expect(list.ids()).toEqual(ids(9, 8, 7, 6, 5, 4))
    list.hear(event('run:progress', { progress: { current: 1 } }, { runId: id(6) }))
    await turn()
    expect(list.asked.slice(2)).toMatchObject([{ cursor: id(7), limit: 2, status: ['leased'] }])
    await list.more()
    expect(list.ids()).toEqual(ids(9, 8, 7, 6, 5, 4, 3, 2, 1))
  })

  test('reads the last one when it comes back', async () => {
    const list = await opened(runs(8), { statuses: ['leased'] })
    await list.more()
    list.hear(event('run:requeue', { reason: 'released', attempt: 1 }, { runId: id(3) }))
    expect(list.ids()).toEqual(ids(8, 7, 6, 5, 4))
    list.stored[5] = run({ id: id(3), attempt: 2 })
    list.hear(leased(3, 2))
    await turn()
    expect(list.ids()).toEqual(ids(8, 7, 6, 5, 4, 3))
  })

  test('reads from the newest to the oldest of several, in one go', async () => {
    const list = await opened(runs(5, { status: 'failed' }, 3), { statuses: ['failed'] })
    list.stored.unshift(...runs(7, { status: 'failed' }, 6))
    list.stored.push(...runs(2, { status: 'failed' }, 2))
    list.hear(...[7, 6, 2].map(failed))
    await turn()
    expect(list.ids()).toEqual(ids(7, 6, 5, 4, 3, 2))
    expect(list.asked.slice(1)).toMatchObject([{ cursor: undefined, limit: 7 }])
  })

  test('leaves what gets there below the last to its page', async () => {
    const list = await opened(runs(8), { statuses: ['leased'] })
    list.hear(leased(2, 2))
    await turn()
    expect(list.asked).toHaveLength(1)
  })

  test('does not ask for what left again', async () => {
    const list = await opened(runs(2), { statuses: ['leased'] })
    list.hear(leased(3), completed(3))
    await turn()
    expect([list.ids(), list.asked.length]).toEqual([ids(2, 1), 1])
  })

  test('a storm of runs that get there asks twice at most', async () => {
    const list = await opened([], { statuses: ['leased'] })
    const release = list.hold()
    for (let number = 1; number <= 100; number++) {
      list.stored.unshift(run({ id: id(number) }))
      list.hear(leased(number))
    }
    await release()
    await turn()
    expect([list.ids().length, list.asked.length]).toEqual([100, 3])
  })

  test('reads later what others kept out of the answer', async () => {
    const list = await opened([], { statuses: ['leased'] })
    list.stored.push(...runs(3))
    list.hear(leased(1))
    await turn()
    expect(list.ids()).toEqual(ids(3))
    list.hear(leased(2), leased(3))
    await turn()
    expect(list.ids()).toEqual(ids(3, 2, 1))
  })
})

describe('read anew', () => {
  test('as much as is shown, in requests that a server answers, and never emptied', async () => {
    const list = await opened(runs(5000), { pageSize: 900 })
    await list.more()
    await list.more()
    list.asked.length = list.lengths.length = 0
    list.stored.splice(0, 1)
    list.stored.unshift(...runs(5100, {}, 5001))
    list.client.open()
    await turn()
    expect(list.ids()).toEqual(list.stored.slice(0, 2799).map(({ id }) => id))
    expect(list.asked.map(({ limit }) => limit)).toEqual([1000, 1000, 701, 900])
    expect([list.lengths, list.hasMore()]).toEqual([[2799], true])
  })

  test('those that came meanwhile push out nothing that was shown', async () => {
    const list = await opened(runs(9))
    await list.more()
    list.stored.unshift(run({ id: id(10) }))
    list.store.refresh()
    await turn()
    expect(list.ids()).toEqual(ids(10, 9, 8, 7, 6, 5, 4))
    expect(list.hasMore()).toBe(true)
  })

  test('a list that was read to its end is read to its end again', async () => {
    const list = await opened(runs(3))
    list.stored.unshift(run({ id: id(4) }))
    list.store.refresh()
    await turn()
    expect([list.ids(), list.hasMore()]).toEqual([ids(4, 3, 2, 1), false])
  })

  test('of more than a page of newer ones the oldest are left for later', async () => {
    const list = await opened(runs(3))
    list.stored.unshift(...runs(12, {}, 4))
    list.store.refresh()
    await turn()
    expect([list.ids(), list.hasMore()]).toEqual([ids(12, 11, 10, 9, 8, 7), true])
  })

  test('an answer from before a reconnection counts no more', async () => {
    const list = await opened(runs(3))
    const release = list.hold()
    list.store.refresh()
    list.stored.unshift(run({ id: id(4) }))
    list.client.open()
    await release()
    expect(list.ids()).toEqual(ids(4, 3, 2, 1))
    expect(list.state().isLoading).toBe(false)
  })

  test('nothing more is asked for a list that is asked for anew', async () => {
    const list = await opened(runs(3000), { pageSize: 2500 })
    const release = list.hold()
    list.client.open()
    list.client.open()
    await release()
    expect(list.asked.map(({ limit }) => limit)).toEqual([1000, 1000, 501, 1000, 1000, 1000, 501])
  })

  test('brings a page that was asked for meanwhile, and one that had not come', async () => {
    const list = await opened(runs(12))
    const release = list.hold()
    list.client.open()
    list.store.loadMore()
    await release()
    expect([list.ids().length, list.state().isLoadingMore]).toEqual([6, false])
    const again = list.hold()
    list.store.loadMore()
    list.stored.unshift(run({ id: id(13) }))
    list.client.open()
    await again()
    expect([list.ids(), list.state().isLoadingMore]).toEqual([ids(13, 12, 11, 10, 9, 8, 7, 6, 5), false])
  })

  test('whole, also when a page is asked for after it failed', async () => {
    const list = await opened(runs(8))
    list.refuse(new Error('no'))
    list.client.open()
    await turn()
    expect(list.state()).toMatchObject({ error: { message: 'no' }, isLoading: false })
    list.refuse(null)
    list.stored.splice(1, 1)
    await list.more()
    expect(list.ids()).toEqual(ids(8, 6, 5, 4, 3, 2))
    expect(list.state().error).toBeNull()
  })

  test('by hand, and by a new engine, where nothing is heard', async () => {
    const list = setup(runs(4), { realtime: false })
    await turn()
    await list.more()
    list.stored.unshift(run({ id: id(5) }))
    list.store.refresh()
    expect(list.state()).toMatchObject({ isLoading: true, runs: { length: 4 } })
    await turn()
    expect([list.ids(), list.hasMore(), list.client.count()]).toEqual([ids(5, 4, 3, 2, 1), false, 0])
  })

  test('no answer counts after the last subscriber is gone', async () => {
    const list = await opened(runs(8))
    const release = list.hold()
    list.store.loadMore()
    list.stop()
    await release()
    expect(list.ids()).toEqual(ids(8, 7, 6))
    list.store.subscribe(() => undefined)
    list.client.open()
    await turn()
    expect([list.ids().length, list.state().isLoadingMore]).toEqual([6, false])
  })
})

describe('a page that can not be had', () => {
  test('is told, keeps the list, and can be asked for again', async () => {
    const list = await opened(runs(8))
    list.refuse(new Error('no'))
    await list.more()
    expect(list.state()).toMatchObject({ error: { message: 'no' }, isLoadingMore: false })
    expect([list.ids(), list.hasMore()]).toEqual([ids(8, 7, 6), true])
    list.refuse(null)
    await list.more()
    expect([list.ids().length, list.state().error]).toEqual([6, null])
  })

  test('is tried again by itself when the reason passes', async () => {
    const list = await opened(runs(8))
    list.refuse(OFFLINE)
    await list.more()
    expect(list.state()).toMatchObject({ error: { message: 'Off.' }, isLoadingMore: false })
    list.refuse(null)
    await vi.waitFor(() => expect(list.ids()).toEqual(ids(8, 7, 6, 5, 4, 3)))
    expect(list.asked.map(({ cursor }) => cursor)).toEqual([undefined, id(6), id(6)])
  })

  test('can be asked for at once while it waits to be tried again', async () => {
    const list = await opened(runs(12))
    list.refuse(OFFLINE)
    await list.more()
    list.refuse(null)
    await list.more()
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect([list.ids().length, list.asked.length]).toEqual([6, 3])
  })

  test('does not come unasked with what is read for other reasons', async () => {
    const list = await opened(runs(8))
    list.refuse(new Error('no'))
    await list.more()
    list.refuse(null)
    list.stored.unshift(run({ id: id(9) }))
    list.hear(leased(9))
    await turn()
    expect(list.ids()).toEqual(ids(9, 8, 7, 6))
  })
})
