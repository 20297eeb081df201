import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createDurably, type Durably } from '../client'
import { DurablyError } from '../errors'
import type { EngineEvent } from '../protocol'

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

const cleanUps: (() => void)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

interface Asked {
  method: string
  path: string
  body: string
  headers: IncomingMessage['headers']
}

/** A real server that answers as the test says. */
async function server(answer: Answer) {
  const asked: Asked[] = []
  const http: Server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      asked.push({ method, path: url.replace('/api/durably/', ''), body, headers })
      answer(request, response, body)
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  cleanUps.push(() => {
    http.closeAllConnections()
    http.close()
  })
  return { asked, http, api: `http://127.0.0.1:${port}/api/durably/` }
}

function client(api: string, options: Partial<Parameters<typeof createDurably>[0]> = {}): Durably {
  const durably = createDurably<Record<string, { input: unknown; output: unknown }>>({ ...options, api })
  cleanUps.push(() => durably.close())
  return durably as unknown as Durably
}

const json =
  (value: unknown, status = 200): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
  }

/** Streams that the test writes to, and nothing else. */
async function streaming(headers: Record<string, string> = {}) {
  const streams: ServerResponse[] = []
  const made = await server((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', ...headers })
    response.flushHeaders()
    streams.push(response)
  })
  return {
    ...made,
    streams,
    send: (stream: number, event: Partial<EngineEvent>, id?: number) =>
      streams[stream]?.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(event)}\n\n`),
    paths: () => made.asked.map(({ path }) => path),
  }
}

/** What a subscription heard, in words. */
function hearing(durably: Durably, filter: Parameters<Durably['subscribe']>[1] = {}) {
  const heard: string[] = []
  const stop = durably.subscribe((events) => heard.push(...events.map(({ type }) => type)), {
    ...filter,
    onOpen: () => heard.push('open'),
    onError: ({ message }) => heard.push(message),
  })
  return { heard, stop }
}

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const progress = (current: number, runId = 'a') =>
  ({ type: 'run:progress', runId, jobName: 'work', progress: { current } }) as const

// ---------------------------------------------------------------- requests

test('asks for what each operation is called on the wire', async () => {
  const { api, asked } = await server(json([]))
  const durably = client(api)
  await durably.trigger('work', { a: 1 }, { idempotencyKey: 'k', labels: { x: 'y' } })
  await durably.jobs.work?.batchTrigger([{ input: 1 }])
  await durably.getRuns({
    jobName: ['a', 'b'],
    status: 'failed',
    labels: { 'a/b': 'c' },
    limit: 5,
    offset: 2,
  })
  await durably.getRun('x y')
  await durably.countRuns({ status: ['failed'] })
  await durably.getStats({ since: new Date(0), bucketMs: 60_000, jobName: 'a', labels: { b: 'c' } })
  await durably.getEvents({ after: 3, types: ['run:fail'] })
  await durably.getSteps('1')
  await durably.getLogs('1')
  await durably.getRetriggers('1')
  await durably.cancel('1')
  await durably.retrigger('1')
  await durably.deleteRun('1')
  await durably.cancelRuns(['1', '2'])
  await durably.retriggerRuns(['1'])
  await durably.deleteRuns(['1'])
  await durably.purgeRuns({ olderThan: new Date(0) })
  expect(asked.map(({ method, path, body }) => `${method} ${path} ${body}`.trim())).toEqual([
    'POST trigger {"idempotencyKey":"k","labels":{"x":"y"},"jobName":"work","input":{"a":1}}',
    'POST trigger/batch {"jobName":"work","items":[{"input":1}]}',
    'GET runs?jobName=a&jobName=b&status=failed&limit=5&offset=2&label.a%2Fb=c',
    'GET run?runId=x+y',
    'GET runs/count?status=failed',
    'GET runs/stats?since=1970-01-01T00%3A00%3A00.000Z&bucketMs=60000&jobName=a&label.b=c',
    'GET events?after=3&type=run%3Afail',
    'GET steps?runId=1',
    'GET logs?runId=1',
    'GET retriggers?runId=1',
    'POST cancel?runId=1',
    'POST retrigger?runId=1',
    'DELETE run?runId=1',
    'POST runs/cancel {"runIds":["1","2"]}',
    'POST runs/retrigger {"runIds":["1"]}',
    'POST runs/delete {"runIds":["1"]}',
    'POST runs/purge {"olderThan":"1970-01-01T00:00:00.000Z"}',
  ])
})

test('a list with nothing in it finds nothing and asks nobody', async () => {
  const { api, asked } = await server(json([{ id: 'a' }]))
  const durably = client(api)
  expect(await durably.getRuns({ jobName: [] })).toEqual([])
  expect((await durably.countRuns({ status: [] })).failed).toBe(0)
  expect((await durably.getStats({ since: new Date(0), jobName: [] })).jobs).toEqual([])
  expect(asked).toEqual([])
})

test('sends its headers with each request, asked for anew', async () => {
  const { api, asked } = await server(json([]))
  let token = 0
  const durably = client(api, { headers: () => ({ Authorization: `Bearer ${++token}` }) })
  await durably.getJobs()
  await durably.getJobs()
  expect(asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer 1', 'Bearer 2'])
})

const FAULTS: [Answer, string, string | RegExp][] = [
  [
    json({ error: 'Bad label.', code: 'validation', issues: [{ path: ['a'], message: 'no' }] }, 400),
    'validation',
    'Bad label.',
  ],
  [json({ error: 'No such job.' }, 404), 'not_found', 'No such job.'],
  [json({ error: 'Sign in first.' }, 401), 'unauthorized', 'Sign in first.'],
  [(_request, response) => response.writeHead(500).end('oops'), 'internal', 'oops'],
  [
    (_request, response) => response.writeHead(502).end('<html>'.repeat(100)),
    'internal',
    'HTTP 502 Bad Gateway',
  ],
  [(_request, response) => response.end('<html>'), 'internal', /something else than JSON/],
]

test.each(FAULTS)('tells an error of the server as it is %#', async (answer, code, message) => {
  const { api } = await server(answer)
  const error = await client(api)
    .getJobs()
    .catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(DurablyError)
  expect(error).toMatchObject({
    code,
    message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
  })
})

test('says that the server can not be reached, and that it can again', async () => {
  const { api, http } = await server(json([]))
  const durably = client(api)
  await durably.getJobs()
  const { port } = http.address() as AddressInfo
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
  await expect(durably.getJobs()).rejects.toMatchObject({ code: 'network' })
  expect(durably.status).toMatchObject({ state: 'offline', error: { code: 'network' } })
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve))
  await durably.getJobs()
  expect(durably.status).toMatchObject({ state: 'ready', error: null })
})

test('what only an engine in this browser does says so', async () => {
  const durably = client('http://127.0.0.1:1/')
  await expect(durably.query('SELECT 1')).rejects.toMatchObject({ code: 'unsupported' })
  await expect(durably.storage.export()).rejects.toMatchObject({ code: 'unsupported' })
  await expect(durably.storage.persist()).rejects.toMatchObject({ code: 'unsupported' })
})

test('a run that is not there is null, and what is no JSON is refused', async () => {
  const { api } = await server(json({ error: 'There is no run x.', code: 'not_found' }, 404))
  expect(await client(api).getRun('x')).toBeNull()
  await expect(client(api).trigger('work', 1n)).rejects.toMatchObject({ code: 'validation' })
})

test('an abort rejects with its reason, before and while the server thinks', async () => {
  const { api, asked } = await server(() => undefined)
  const durably = client(api)
  const reason = new Error('bored')
  await expect(durably.getJobs({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(asked).toEqual([])
  const waiting = new AbortController()
  const answer = durably.getJobs({ signal: waiting.signal })
  await until(() => asked.length === 1)
  waiting.abort(reason)
  await expect(answer).rejects.toBe(reason)
})

test('closing rejects what is under way and all that comes after', async () => {
  const { api, asked } = await server(() => undefined)
  const durably = client(api)
  const answer = durably.getJobs()
  const { heard } = hearing(durably)
  await until(() => asked.length === 2)
  durably.close()
  await expect(answer).rejects.toMatchObject({ code: 'closed' })
  await expect(durably.getJobs()).rejects.toMatchObject({ code: 'closed' })
  expect(heard).toEqual(['This client was closed.'])
  expect(durably.status.state).toBe('closed')
})

test('job names are looked up once, and a server that tells none is taken at its word', async () => {
  const { api, asked } = await server((request, response, body) => {
    if (request.url?.endsWith('/jobs') === true) json({ error: 'Not Found' }, 404)(request, response, body)
    else response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
  })
  const durably = client(api)
  hearing(durably, { jobName: 'a' })
  hearing(durably, { jobName: 'b' })
  await until(() => asked.length >= 2)
  expect(asked.map(({ path }) => path)).toEqual(['jobs', 'runs/subscribe?jobName=a&jobName=b'])
})

// ---------------------------------------------------------------- streams

test('one stream serves all, as narrow as they allow', async () => {
  const wire = await streaming()
  const durably = client(wire.api)
  const first = hearing(durably, { runId: 'a' })
  const second = hearing(durably, { runId: 'a' })
  await until(() => wire.streams.length === 1)
  wire.send(0, progress(1))
  await until(() => second.heard.length === 2)
  expect([first.heard, second.heard]).toEqual([
    ['open', 'run:progress'],
    ['open', 'run:progress'],
  ])
  const all = hearing(durably)
  await until(() => all.heard.length === 1)
  all.stop()
  first.stop()
  second.stop()
  expect(wire.paths()).toEqual(['subscribe?runId=a', 'runs/subscribe'])
})

test('tells each only what it asked for', async () => {
  const wire = await streaming()
  const durably = client(wire.api)
  const [a, b] = [hearing(durably, { runId: 'a' }), hearing(durably, { runId: 'b' })]
  await until(() => wire.streams.length === 1)
  wire.send(0, progress(1, 'a'))
  wire.send(0, progress(1, 'b'))
  wire.send(0, progress(2, 'b'))
  await until(() => b.heard.length === 3)
  expect(a.heard).toEqual(['open', 'run:progress'])
})

test('goes on behind the last event after the connection was lost, without a gap', async () => {
  const wire = await streaming()
  const { heard } = hearing(client(wire.api))
  await until(() => wire.streams.length === 1)
  wire.send(0, progress(1), 7)
  await until(() => heard.length === 2)
  wire.streams[0]?.destroy()
  await until(() => wire.streams.length === 2)
  wire.send(1, progress(2), 8)
  await until(() => heard.at(-1) === 'run:progress' && heard.length >= 4)
  expect(wire.asked[1]?.headers['last-event-id']).toBe('7')
  expect(heard.filter((word) => word === 'open')).toHaveLength(1)
})

test('goes on from where a silent stream began', async () => {
  const wire = await streaming({ 'Durably-Last-Event-ID': '41' })
  const { heard } = hearing(client(wire.api))
  await until(() => heard.length === 1)
  wire.streams[0]?.end()
  await until(() => wire.streams.length === 2)
  expect(wire.asked[1]?.headers['last-event-id']).toBe('41')
})

test('tells of the gap where a server numbers nothing', async () => {
  const wire = await streaming()
  const { heard } = hearing(client(wire.api))
  await until(() => heard.length === 1)
  wire.streams[0]?.end()
  await until(() => heard.length === 2)
  expect(heard).toEqual(['open', 'open'])
})

test('begins anew when the log does not reach back so far', async () => {
  const streams: ServerResponse[] = []
  const { api, asked } = await server((request, response, body) => {
    if (request.headers['last-event-id'] === '7')
      json({ error: 'Gone.', code: 'events_gone' }, 410)(request, response, body)
    else {
      response
        .writeHead(200, { 'Content-Type': 'text/event-stream', 'Durably-Last-Event-ID': '7' })
        .flushHeaders()
      streams.push(response)
    }
  })
  const { heard } = hearing(client(api))
  await until(() => heard.length === 1)
  streams[0]?.end()
  await until(() => streams.length === 2 && heard.length === 3)
  expect(heard).toEqual(['open', 'Gone.', 'open'])
  expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '7', undefined])
})

test('a run’s own stream is not opened again after the run has ended', async () => {
  const wire = await streaming()
  const durably = client(wire.api)
  const { heard } = hearing(durably, { runId: 'a' })
  await until(() => heard.length === 1)
  wire.send(0, { type: 'run:complete', runId: 'a', jobName: 'work' })
  wire.streams[0]?.end()
  await until(() => heard.length === 2)
  const late = hearing(durably, { runId: 'a' })
  await until(() => late.heard.length === 1)
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect([wire.streams.length, late.heard]).toEqual([1, ['open']])
})

test('gives up a run that is not there, and says so', async () => {
  const { api, asked } = await server(json({ error: 'There is no run a.' }, 404))
  const { heard } = hearing(client(api), { runId: 'a' })
  await until(() => heard.length === 1)
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect([heard, asked.length]).toEqual([['There is no run a.'], 1])
})

test('fills in what the original’s server leaves out', async () => {
  const wire = await streaming()
  const events: EngineEvent[] = []
  client(wire.api).subscribe((batch) => events.push(...batch))
  await until(() => wire.streams.length === 1)
  for (const type of ['run:leased', 'step:complete', 'log:write', 'log:write'] as const) {
    wire.send(0, { type, runId: 'a', jobName: 'work' })
  }
  wire.streams[0]?.write(': a remark\n\ndata: no JSON\n\n')
  await until(() => events.length === 4)
  expect(events).toMatchObject([
    { sequence: 0, labels: {}, attempt: 0 },
    { duration: 0 },
    { stepName: null, data: null },
    { stepName: null },
  ])
  const [first, second] = events.slice(2) as { id: string }[]
  expect((first?.id ?? '') < (second?.id ?? '')).toBe(true)
})

test('a listener that throws stops neither the others nor the stream', async () => {
  const wire = await streaming()
  const durably = client(wire.api)
  const thrown: unknown[] = []
  globalThis.reportError = (error: unknown) => void thrown.push(error)
  durably.subscribe(() => {
    throw new Error('mine')
  })
  const { heard } = hearing(durably)
  await until(() => heard.length === 1)
  wire.send(0, progress(1))
  wire.send(0, progress(2))
  await until(() => heard.length === 3)
  expect(thrown.length).toBeGreaterThan(0)
})

// ---------------------------------------------------------------- servers that misbehave

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const JOBS = [{ name: 'work', keys: ['work_key'], description: null, inputSchema: {}, outputSchema: null }]
const opensStream = (response: ServerResponse): void => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
}

test('looks up job names again until the server tells them', async () => {
  let isFirst = true
  const { api, asked } = await server((request, response, body) => {
    if (request.url?.endsWith('/jobs') !== true) {
      opensStream(response)
      return
    }
    json(isFirst ? { error: 'deploying' } : JOBS, isFirst ? 503 : 200)(request, response, body)
    isFirst = false
  })
  const { heard } = hearing(client(api), { jobName: 'work_key' })
  await until(() => heard.includes('open'))
  expect(heard).toEqual(['deploying', 'open'])
  expect(asked.at(-1)?.path).toBe('runs/subscribe?jobName=work')
})

test('what waits for a server that is away ends when the client is closed', async () => {
  const durably = client('http://127.0.0.1:1/')
  const { heard } = hearing(durably, { jobName: 'work' })
  const waited = durably.waitForRun('a')
  waited.catch(() => undefined)
  await until(() => heard.length > 0)
  durably.close()
  await expect(waited).rejects.toMatchObject({ code: 'closed' })
  await expect(durably.waitForRun('a')).rejects.toMatchObject({ code: 'closed' })
})

test('waits through a proxy that says that the server is away', async () => {
  let isDown = false
  const streams: ServerResponse[] = []
  const { api } = await server((request, response, body) => {
    if (isDown) response.writeHead(502).end('Bad Gateway')
    else if (request.url?.includes('/subscribe') === true) {
      opensStream(response)
      streams.push(response)
    } else {
      json({ id: 'a', status: streams.length > 1 ? 'completed' : 'leased' })(request, response, body)
    }
  })
  const waited = client(api).waitForRun('a')
  await until(() => streams.length === 1)
  isDown = true
  streams[0]?.destroy()
  await pause(400)
  isDown = false
  expect((await waited).status).toBe('completed')
})

test('who begins to listen between two attempts hears at once why nothing is heard', async () => {
  const { api } = await server(json({ error: 'No.' }, 403))
  const durably = client(api)
  const first = hearing(durably)
  await until(() => first.heard.length === 1)
  const second = hearing(durably)
  await pause(20)
  expect(second.heard).toEqual(['No.'])
})

test('a stream of all runs that is not there is tried again', async () => {
  let isDown = true
  const { api } = await server((request, response, body) => {
    if (isDown) json({ error: 'No such app.' }, 404)(request, response, body)
    else opensStream(response)
  })
  const { heard } = hearing(client(api))
  await until(() => heard.length === 1)
  isDown = false
  await until(() => heard.at(-1) === 'open')
  expect(heard).toEqual(['No such app.', 'open'])
})

test('a wider stream begins anew: nothing from before is taken for news', async () => {
  const wire = await streaming({ 'Durably-Last-Event-ID': '7' })
  const durably = client(wire.api)
  const one = hearing(durably, { runId: 'x' })
  await until(() => one.heard.length === 1)
  const all = hearing(durably)
  await until(() => all.heard.length === 1)
  expect(wire.asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, undefined])
  expect(one.heard).toEqual(['open', 'open'])
})

test('a page in the place of the stream is no stream, and is asked less and less', async () => {
  const { api, asked } = await server((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>')
  })
  const { heard } = hearing(client(api))
  await pause(1500)
  expect(new Set(heard)).toEqual(
    new Set(['The server answered with something else than a stream of events.']),
  )
  expect(asked.length).toBeLessThanOrEqual(4)
})

test('tells what became of an answer that breaks off', async () => {
  const { api } = await server((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.write('[')
    setTimeout(() => response.destroy(), 100)
  })
  await expect(client(api).getJobs()).rejects.toMatchObject({ code: 'network' })
  const closed = client(api)
  const answer = closed.getJobs()
  await pause(50)
  closed.close()
  await expect(answer).rejects.toMatchObject({ code: 'closed' })
})

test('an error of a framework has its words, and headers that fail are a passing fault', async () => {
  const { api } = await server(json({ detail: 'Not authenticated' }, 401))
  await expect(client(api).getJobs()).rejects.toMatchObject({
    code: 'unauthorized',
    message: 'Not authenticated',
  })
  const headers = () => Promise.reject(new TypeError('Failed to fetch'))
  await expect(client(api, { headers }).getJobs()).rejects.toMatchObject({ code: 'network' })
})

test('a server is asked whether it is there when somebody wants to know', async () => {
  const { api, asked } = await server(json([]))
  const durably = client(api)
  const states: string[] = []
  durably.onStatus(({ state }) => states.push(state))
  await until(() => states.length === 1)
  await durably.getJobs()
  expect([states, asked[0]?.path]).toEqual([['ready'], 'runs?limit=0'])
})

test('a page where the API should be is told, whatever is asked', async () => {
  const { api } = await server((request, response) => {
    response.writeHead(request.method === 'POST' ? 404 : 200, { 'Content-Type': 'text/html' }).end('<html>')
  })
  const durably = client(api)
  await expect(durably.trigger('work', {})).rejects.toMatchObject({ code: 'internal' })
  await expect(durably.getRuns()).rejects.toMatchObject({ code: 'internal' })
  expect(durably.status).toMatchObject({ state: 'failed', error: { code: 'internal' } })
})

test('a run that had ended before its stream began is not asked for again', async () => {
  const wire = await streaming()
  const { heard } = hearing(client(wire.api), { runId: 'a' })
  await until(() => wire.streams.length === 1)
  wire.streams[0]?.end('retry: 2147483647\n\n')
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect([wire.streams.length, heard]).toEqual([1, ['open']])
})

test('asks to be told when events were lost', async () => {
  const wire = await streaming({ 'Durably-Last-Event-ID': '41' })
  const { heard } = hearing(client(wire.api))
  await until(() => heard.length === 1)
  wire.streams[0]?.end()
  await until(() => wire.streams.length === 2)
  expect(wire.asked.map(({ headers }) => headers['durably-resume'])).toEqual([undefined, 'exact'])
})

test('a server that was reached and lacks a route has not failed', async () => {
  const { api } = await server((request, response, body) => {
    if (request.url?.includes('/runs') === true) json([])(request, response, body)
    else response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not Found')
  })
  const durably = client(api)
  await durably.getRuns()
  await expect(durably.getJobs()).rejects.toMatchObject({ code: 'not_found' })
  expect(durably.status.state).toBe('ready')
})

test('several runs are asked for in portions that a server takes', async () => {
  const { api, asked } = await server((request, response, body) => {
    const { runIds } = JSON.parse(body) as { runIds: string[] }
    json(runIds.map((runId) => ({ runId, success: true })))(request, response, body)
  })
  const runIds = Array.from({ length: 2001 }, (_, number) => `run-${number}`)
  const outcomes = await client(api).deleteRuns(runIds)
  expect(outcomes.map(({ runId }) => runId)).toEqual(runIds)
  expect(asked).toHaveLength(3)
})
