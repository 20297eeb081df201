import { afterEach, expect, test, vi } from 'vitest'
import type { RequestMessage, ResponseMessage } from '../protocol'
import { Requests } from './requests'

function setup() {
  const requests = new Requests()
  const sent: RequestMessage[] = []
  const send = (): void =>
    requests.send(
      (message) => void sent.push({ ...message }),
      () => true,
    )
  return { requests, sent, send }
}

const answerTo = ({ id }: RequestMessage, body: unknown, ok = true): ResponseMessage => ({
  type: 'response',
  id,
  ok,
  body: JSON.stringify(body),
})

function last(sent: readonly RequestMessage[]): RequestMessage {
  const message = sent.at(-1)
  if (message === undefined) throw new Error('Nothing was sent.')
  return message
}

afterEach(() => vi.useRealTimers())

test('a request is sent once to an engine, and its answer is that of the engine', async () => {
  const { requests, sent, send } = setup()
  const { answer } = requests.add('getRun', '{"runId":"a"}', undefined)
  send()
  send()
  expect(sent).toMatchObject([{ operation: 'getRun', body: '{"runId":"a"}', isRepeated: false }])
  expect(requests.settle(answerTo(last(sent), { id: 'a' }))).toBe('getRun')
  expect(await answer).toEqual({ id: 'a' })
})

test('what has no answer is asked of the next engine under the same name', async () => {
  const { requests, sent, send } = setup()
  const { answer } = requests.add('trigger', '{}', undefined)
  send()
  requests.engineLost({ isLeading: false })
  send()
  const [first, second] = sent
  expect([first?.isRepeated, second?.isRepeated]).toEqual([false, true])
  expect(second?.command).toBe(first?.command)
  requests.settle(answerTo(last(sent), { runId: 'a' }))
  expect(await answer).toEqual({ runId: 'a' })
})

test('what was never sent is no repetition', () => {
  const { requests, sent, send } = setup()
  requests.add('trigger', '{}', undefined).answer.catch(() => undefined)
  requests.engineLost({ isLeading: false })
  send()
  expect(last(sent).isRepeated).toBe(false)
})

test.each(['importDatabase', 'clearStorage'] as const)('%s is never asked twice', async (operation) => {
  const { requests, sent, send } = setup()
  const { answer } = requests.add(operation, '{}', undefined)
  send()
  requests.engineLost({ isLeading: false })
  send()
  await expect(answer).rejects.toMatchObject({ code: 'interrupted' })
  expect(sent).toHaveLength(1)
})

test('what the engine may have forgotten meanwhile is not asked again', async () => {
  vi.useFakeTimers()
  const { requests, sent, send } = setup()
  const { answer } = requests.add('trigger', '{}', undefined)
  send()
  vi.advanceTimersByTime(13 * 3_600_000)
  requests.engineLost({ isLeading: false })
  send()
  await expect(answer).rejects.toMatchObject({ code: 'interrupted' })
  expect(sent).toHaveLength(1)
})

test('an answer to what nobody waits for any more finds no one', () => {
  const { requests, sent, send } = setup()
  const { id } = requests.add('getRuns', '{}', undefined)
  send()
  requests.forget(id)
  expect(requests.settle(answerTo(last(sent), []))).toBeNull()
})

// ---------------------------------------------------------------- of other tabs

const foreign = { type: 'request', id: 7, command: 'theirs', operation: 'trigger', body: '{}' } as const

test('what another tab asks for keeps its name, and its answer is passed on unread', async () => {
  const { requests, sent, send } = setup()
  const answer = requests.forward({ ...foreign, isRepeated: true })
  send()
  expect(last(sent)).toMatchObject({ command: 'theirs', isRepeated: true })
  requests.settle({ type: 'response', id: last(sent).id, ok: false, body: 'as it is' })
  expect(await answer).toMatchObject({ ok: false, body: 'as it is' })
})

test('the one that leads asks its next engine for the others, too', () => {
  const { requests, sent, send } = setup()
  void requests.forward({ ...foreign, isRepeated: false })
  send()
  requests.engineLost({ isLeading: true })
  send()
  expect(sent.map(({ isRepeated }) => isRepeated)).toEqual([false, true])
})

test('one that leads no more leaves it to the others to ask elsewhere', async () => {
  const { requests, sent, send } = setup()
  const answer = requests.forward({ ...foreign, isRepeated: false })
  send()
  requests.engineLost({ isLeading: false })
  send()
  expect(await answer).toBeNull()
  expect(sent).toHaveLength(1)
})

test('an engine that could not be started refuses the others, too', async () => {
  const { requests } = setup()
  const answer = requests.forward({ ...foreign, isRepeated: false })
  requests.rejectAll({ code: 'storage', status: 503, message: 'It is broken.' })
  expect(JSON.parse((await answer)?.body ?? '')).toEqual({
    code: 'storage',
    status: 503,
    message: 'It is broken.',
  })
})
