import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BOOTING, type EngineStatus, type RequestMessage, type ResponseMessage } from '../protocol'
import { TabChannel } from './channel'
import { Follower } from './follower'
import { LeaderDesk } from './leader-desk'

// Over the real channel, in one process. With real tabs: tests/browser/test_tabs.py.

const READY: EngineStatus = { ...BOOTING, state: 'ready', role: 'leader', epoch: 1 }
const request: RequestMessage = {
  type: 'request',
  id: 7,
  command: 'a',
  isRepeated: false,
  operation: 'jobs',
  body: '{}',
}

const channels: TabChannel[] = []

beforeEach(() => vi.stubGlobal('document', { hidden: false }))
afterEach(() => {
  for (const channel of channels.splice(0)) channel.close()
  vi.unstubAllGlobals()
})

function lead(
  serve: (asked: RequestMessage) => Promise<ResponseMessage | null>,
  status: () => EngineStatus = () => READY,
) {
  const channel = new TabChannel(
    'test',
    (from, message) => desk.hear(from, message),
    () => desk.announce(),
  )
  channels.push(channel)
  const asked: string[] = []
  const desk = new LeaderDesk(channel, {
    status,
    serve,
    handOver: (how) => void asked.push(how),
  })
  return { tab: channel.tab, desk, channel, asked }
}

function follow() {
  const heard = {
    statuses: [] as string[],
    responses: [] as ResponseMessage[],
    events: [] as string[],
    reserved: 0,
    kept: 0,
  }
  const silences: boolean[] = []
  const channel = new TabChannel(
    'test',
    (from, message) => follower.hear(from, message),
    () => undefined,
  )
  channels.push(channel)
  const follower = new Follower(channel, {
    changed: ({ tab, status }) => void heard.statuses.push(`${tab} ${status.state}`),
    responded: (response) => void heard.responses.push(response),
    happened: (body) => void heard.events.push(body),
    silent: (isSilent) => void silences.push(isSilent),
    reserved: () => heard.reserved++,
    kept: () => heard.kept++,
  })
  return { tab: channel.tab, follower, heard, silences }
}

const answer = (asked: RequestMessage): ResponseMessage => ({
  type: 'response',
  id: asked.id + 100,
  ok: true,
  body: '[]',
})

test('one that looks finds the one that leads, and is answered under its own number', async () => {
  const { tab } = lead((asked) => Promise.resolve(answer(asked)))
  const { follower, heard } = follow()
  follower.look()
  await vi.waitFor(() => expect(heard.statuses).toEqual([`${tab} ready`]))
  follower.ask(request)
  await vi.waitFor(() => expect(heard.responses).toEqual([{ ...answer(request), id: 7 }]))
  follower.stop()
})

test('an answer is for the one that asked', async () => {
  lead((asked) => Promise.resolve(answer(asked)))
  const [first, second] = [follow(), follow()]
  first.follower.look()
  second.follower.look()
  await vi.waitFor(() => expect(second.heard.statuses.length).toBeGreaterThan(0))
  first.follower.ask(request)
  await vi.waitFor(() => expect(first.heard.responses).toHaveLength(1))
  expect(second.heard.responses).toEqual([])
  first.follower.stop()
  second.follower.stop()
})

test('a command that is sent again while it is carried out is carried out once', async () => {
  const served: RequestMessage[] = []
  let finish: (response: ResponseMessage) => void = () => undefined
  lead((asked) => {
    served.push(asked)
    return new Promise((resolve) => (finish = resolve))
  })
  const { follower, heard } = follow()
  follower.look()
  await vi.waitFor(() => expect(heard.statuses).toHaveLength(1))
  follower.ask(request)
  follower.ask({ ...request, id: 8, isRepeated: true })
  follower.look()
  await vi.waitFor(() => expect(heard.statuses).toHaveLength(2))
  finish(answer(request))
  await vi.waitFor(() => expect(heard.responses.map(({ id }) => id)).toEqual([7, 8]))
  expect(served).toHaveLength(1)
  follower.stop()
})

test('events of the one that leads are heard, once someone follows', async () => {
  const { desk } = lead(() => Promise.resolve(null))
  desk.happened('before')
  const { follower, heard } = follow()
  follower.look()
  await vi.waitFor(() => expect(heard.statuses).toHaveLength(1))
  desk.happened('after')
  await vi.waitFor(() => expect(heard.events).toEqual(['after']))
  follower.stop()
})

test('one that takes over tells its events to those who followed another', async () => {
  const { follower, heard } = follow()
  const first = lead(() => Promise.resolve(null))
  follower.look()
  await vi.waitFor(() => expect(heard.statuses).toHaveLength(1))
  first.channel.close()
  const { desk } = lead(() => Promise.resolve(null))
  desk.announce()
  await vi.waitFor(() => expect(heard.statuses).toHaveLength(2))
  await vi.waitFor(() => {
    desk.happened('after')
    expect(heard.events).toContain('after')
  })
  follower.stop()
})

test('a channel that is closed says nothing more, and takes offence at nothing', () => {
  const { channel } = lead(() => Promise.resolve(null))
  channel.close()
  channel.tell({ type: 'hello' })
  channel.tellTab('gone', { type: 'hello' })
})

test('one that does not answer is told, and asked again until it does', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { follower, silences } = follow()
  follower.look()
  await vi.advanceTimersByTimeAsync(3000)
  expect(silences).toEqual([true])
  lead(() => Promise.resolve(null))
  await vi.advanceTimersByTimeAsync(3000)
  vi.useRealTimers()
  await vi.waitFor(() => expect(silences).toEqual([true, false]))
  follower.stop()
})

test('one that is suspended while it starts is told', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { desk, channel } = lead(
    () => Promise.resolve(null),
    () => ({ ...READY, state: 'starting' }),
  )
  const { follower, heard, silences } = follow()
  desk.announce()
  vi.useRealTimers()
  await vi.waitFor(() => expect(heard.statuses).toHaveLength(1))
  channel.close()
  await vi.waitFor(() => expect(silences).toEqual([true]), { timeout: 10_000 })
  follower.stop()
}, 15_000)

test('a tab that asks to lead is let pass by the others, and hears when it is refused', async () => {
  const { desk, asked } = lead(() => Promise.resolve(null))
  const [heir, other] = [follow(), follow()]
  for (const { follower, heard } of [heir, other]) {
    follower.look()
    await vi.waitFor(() => expect(heard.statuses.length).toBeGreaterThan(0))
  }
  heir.follower.askToLead('politely')
  await vi.waitFor(() => expect(other.heard.reserved).toBe(1))
  expect(asked).toEqual(['politely'])
  desk.kept()
  await vi.waitFor(() => expect(heir.heard.kept).toBe(1))
  expect([heir.heard.reserved, other.heard.kept]).toEqual([0, 0])
  heir.follower.stop()
  other.follower.stop()
})
