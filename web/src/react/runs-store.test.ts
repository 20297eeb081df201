import { describe, expect, test } from 'vitest'
import type { ClientRun, EngineEvent, RunStatus } from '../protocol'
import { completed, event, lease, run } from './examples'
import { turn } from './fake-events'
import { fakeRuns } from './fake-runs'
import { hasMore, RunsStore } from './runs-store'

interface Options {
  pageSize?: number
  statuses?: RunStatus[]
  isSummary?: boolean
}

function setup(stored: ClientRun[], { pageSize = 3, statuses, isSummary = true }: Options = {}) {
  const { client, ...engine } = fakeRuns(stored)
  const store = new RunsStore(client, { realtime: true }, { pageSize, statuses, isSummary })
  const stop = store.subscribe(() => undefined)
  return {
    ...engine,
    store,
    stored,
    stop,
    client,
    state: () => store.getSnapshot(),
    ids: () => store.getSnapshot().listed.map(({ id }) => id),
    hear: (...events: EngineEvent[]) => client.hear(events),
  }
}

async function opened(...args: Parameters<typeof setup>) {
  const list = setup(...args)
  list.client.open()
  await turn()
  return list
}

/** So many runs, `r1` the oldest, listed newest first. */
function runs(count: number, fields: Partial<ClientRun> = {}): ClientRun[] {
  return Array.from({ length: count }, (_, index) => {
    const number = count - index
    return run({ id: `r${number}`, createdAt: `2026-01-01T00:00:0${number}.000Z`, ...fields })
  })
}

describe('pages', () => {
  test('asks for one run more than it shows', async () => {
    const list = await opened(runs(5))
    expect(list.asked[0]).toMatchObject({ limit: 4, offset: 0, view: 'summary' })
    expect(hasMore(list.state(), { pageSize: 3 })).toBe(true)
  })

  test('turns to the next page and back', async () => {
    const list = await opened(runs(5))
    list.store.nextPage()
    expect(list.state().isLoading).toBe(true)
    await turn()
    expect([list.state().page, list.ids(), hasMore(list.state(), { pageSize: 3 })]).toEqual([
      1,
      ['r2', 'r1'],
      false,
    ])
    list.store.nextPage()
    list.store.prevPage()
    list.store.prevPage()
    await turn()
    expect([list.state().page, list.ids()]).toEqual([0, ['r5', 'r4', 'r3', 'r2']])
  })

  test('does not go past the end however often it is asked to', async () => {
    const list = await opened(runs(5))
    list.store.nextPage()
    list.store.nextPage()
    await turn()
    expect([list.state().page, list.ids()]).toEqual([1, ['r2', 'r1']])
  })

  test('ignores the answer for a page that was left', async () => {
    const list = await opened(runs(5))
    const release = list.hold()
    list.store.goToPage(1)
    list.store.goToPage(0)
    await release()
    expect([list.state().page, list.ids()[0]]).toEqual([0, 'r5'])
  })

  test('takes nonsense for the first page', async () => {
    const list = await opened(runs(5))
    list.store.goToPage(Number.NaN)
    list.store.goToPage(-3)
    await turn()
    expect(list.state().page).toBe(0)
  })
})

describe('kept current in place', () => {
  test('moves a run without asking again', async () => {
    const list = await opened(runs(2))
    list.hear(
      event('run:progress', { progress: { current: 1, total: 2 } }, { runId: 'r1' }),
      event('step:complete', { stepName: 's', stepIndex: 0, duration: 1 }, { runId: 'r1' }),
      event('run:complete', { duration: 1 }, { runId: 'r2' }),
    )
    await turn()
    expect(list.state().listed).toMatchObject([
      { id: 'r2', status: 'completed' },
      { id: 'r1', progress: { current: 1 }, completedStepCount: 1 },
    ])
    expect(list.asked).toHaveLength(1)
  })

  test('adds a triggered run once, newest first, and forgets the last', async () => {
    const list = await opened(runs(4))
    const trigger = event('run:trigger', {}, { runId: 'new' })
    list.hear(trigger, trigger)
    list.hear(trigger)
    expect(list.ids()).toEqual(['new', 'r4', 'r3', 'r2'])
  })

  test('does not reopen a finished run for a late claim', async () => {
    const list = await opened([completed])
    list.hear(event('run:leased', { ...lease, attempt: 1 }))
    expect(list.state().listed[0]?.status).toBe('completed')
  })

  test('does not set progress back that was heard before the answer', async () => {
    const list = setup([run({ progress: { current: 6, total: 10 } })])
    list.client.open()
    list.hear(event('run:progress', { progress: { current: 5, total: 10 } }))
    await turn()
    expect(list.state().listed[0]?.progress?.current).toBe(6)
  })

  test('does not set progress back that is not stored yet when the list is read anew', async () => {
    const list = await opened([run({ progress: { current: 4, total: 10 } })])
    list.hear(event('run:progress', { progress: { current: 5, total: 10 } }))
    list.client.open()
    await turn()
    expect(list.state().listed[0]?.progress?.current).toBe(5)
  })

  test('drops a run that was deleted while it was loading', async () => {
    const list = setup([run()])
    list.client.open()
    list.hear(event('run:delete', { reason: 'deleted' }))
    await turn()
    expect(list.ids()).toEqual([])
  })

  test('stays the same object when events are no news', async () => {
    const list = await opened([run()])
    const before = list.state()
    list.hear(event('run:lease-renewed', lease))
    expect(list.state()).toBe(before)
  })

  test('asks for the next run when one of a full page is deleted', async () => {
    const list = await opened(runs(5))
    list.stored.splice(0, 1)
    list.hear(event('run:delete', { reason: 'deleted' }, { runId: 'r5' }))
    await turn()
    expect([list.ids(), list.asked.length]).toEqual([['r4', 'r3', 'r2', 'r1'], 2])
  })

  test('reads a later page anew when runs move onto it', async () => {
    const list = await opened(runs(5))
    list.store.nextPage()
    await turn()
    list.stored.unshift(run({ id: 'new' }))
    list.hear(event('run:trigger', {}, { runId: 'new' }))
    expect(list.state().isLoading).toBe(false)
    await turn()
    expect(list.ids()).toEqual(['r3', 'r2', 'r1'])
  })

  test('a storm of events asks twice at most', async () => {
    const list = await opened(runs(5))
    list.store.nextPage()
    await turn()
    const asked = list.asked.length
    const release = list.hold()
    for (let time = 0; time < 100; time++) list.hear(event('run:trigger', {}, { runId: `n${time}` }))
    await release()
    await turn()
    expect(list.asked.length - asked).toBe(2)
  })

  test('keeps showing what it has when it can not be read again', async () => {
    const list = await opened(runs(2))
    list.refuse(new Error('offline'))
    list.store.refresh()
    expect(list.state().isLoading).toBe(true)
    await turn()
    expect(list.state()).toMatchObject({ isLoading: false, error: { message: 'offline' } })
    expect(list.ids()).toEqual(['r2', 'r1'])
  })
})

describe('with inputs and outputs', () => {
  test('shows a run as completed together with its output', async () => {
    const list = await opened(runs(1, { input: {} }), { isSummary: false })
    list.stored[0] = run({ ...completed, id: 'r1', input: {}, output: 0 })
    list.hear(event('run:complete', { duration: 1 }, { runId: 'r1' }))
    expect(list.state().listed[0]?.status).toBe('leased')
    await turn()
    expect(list.state().listed[0]).toMatchObject({ status: 'completed', output: 0 })
    expect(list.asked).toHaveLength(2)
  })

  test('asks nothing for steps and progress', async () => {
    const list = await opened(runs(2, { input: {} }), { isSummary: false })
    list.hear(
      event('run:progress', { progress: { current: 1 } }, { runId: 'r1' }),
      event('step:complete', { stepName: 's', stepIndex: 0, duration: 1 }, { runId: 'r1' }),
      event('run:leased', { ...lease, attempt: 2 }, { runId: 'r2' }),
    )
    await turn()
    expect(list.asked).toHaveLength(1)
    expect(list.state().listed[0]?.attempt).toBe(2)
  })

  test('a run that completed while the list was read is read again', async () => {
    const list = setup(runs(1, { input: {} }), { isSummary: false })
    const release = list.hold()
    list.client.open()
    list.hear(event('run:complete', { duration: 1 }, { runId: 'r1' }))
    await turn()
    await release()
    expect(list.asked).toHaveLength(2)
  })

  test('does not go back to what an older answer says', async () => {
    const list = await opened([], { isSummary: false })
    list.stored.push(run({ id: 'new', status: 'pending', attempt: 0, input: {} }))
    const release = list.hold()
    list.hear(event('run:trigger', {}, { runId: 'new' }))
    list.hear(event('run:leased', { ...lease, attempt: 1 }, { runId: 'new' }))
    await release()
    expect(list.state().listed).toMatchObject([{ id: 'new', status: 'leased', attempt: 1 }])
  })
})

describe('of some statuses', () => {
  test('takes a run in when it gets there, and asks nothing for others', async () => {
    const list = await opened([], { statuses: ['failed'] })
    list.hear(
      event('run:trigger', {}, { runId: 'x' }),
      event('run:leased', { ...lease, attempt: 1 }, { runId: 'x' }),
    )
    await turn()
    expect([list.ids(), list.asked.length]).toEqual([[], 1])
    list.stored.push(run({ id: 'x', status: 'failed', isTerminal: true }))
    list.hear(event('run:fail', { error: 'no', failedStepName: null }, { runId: 'x' }))
    await turn()
    expect([list.ids(), list.asked.length]).toEqual([['x'], 2])
  })

  test('takes off what is no longer in them', async () => {
    const list = await opened(runs(2, { status: 'leased' }), { statuses: ['pending', 'leased'] })
    list.hear(event('run:cancel', {}, { runId: 'r1' }))
    expect(list.ids()).toEqual(['r2'])
    await turn()
    expect(list.asked).toHaveLength(1)
  })

  test('a storm of runs that get there asks twice at most', async () => {
    const list = await opened([], { statuses: ['leased'] })
    const release = list.hold()
    for (let time = 0; time < 100; time++) {
      list.hear(event('run:leased', { ...lease, attempt: 1 }, { runId: `n${time}` }))
    }
    await release()
    await turn()
    expect(list.asked.length).toBeLessThanOrEqual(3)
  })

  test('reads a later page anew when runs get there or leave', async () => {
    const list = await opened(runs(5, { status: 'leased' }), { statuses: ['leased'] })
    list.store.nextPage()
    await turn()
    list.stored.splice(0, 1)
    list.hear(event('run:cancel', {}, { runId: 'r5' }))
    await turn()
    expect(list.ids()).toEqual(['r1'])
  })
})
