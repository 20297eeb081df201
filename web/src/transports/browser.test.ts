import { afterEach, expect, test, vi } from 'vitest'
import { BOOTING, type FromWorker, type Manifest, type ToWorker } from '../protocol'
import { BrowserTransport, type BrowserOptions } from './browser'

// What the port does by itself. With the real worker: tests/browser/test_faults.py.

class FakeWorker {
  static newest: FakeWorker | null = null
  readonly posted: ToWorker[] = []
  onmessage: ((event: { data: FromWorker }) => void) | null = null

  constructor() {
    FakeWorker.newest = this
  }

  postMessage(message: ToWorker): void {
    this.posted.push(message)
  }

  terminate(): void {
    this.onmessage = null
  }
}

function setup(options: BrowserOptions = {}) {
  vi.stubGlobal('Worker', FakeWorker)
  vi.stubGlobal('isSecureContext', true)
  vi.stubGlobal('addEventListener', () => undefined)
  vi.stubGlobal('removeEventListener', () => undefined)
  const listening = { addEventListener: () => undefined, removeEventListener: () => undefined }
  vi.stubGlobal('document', { baseURI: 'http://localhost/', hidden: false, ...listening })
  vi.stubGlobal('navigator', { locks: { request: () => new Promise(() => undefined) } })
  const port = new BrowserTransport(options)
  const worker = FakeWorker.newest
  if (worker === null) throw new Error('The port has made no worker.')
  const say = (data: FromWorker): void => worker.onmessage?.({ data })
  say({ type: 'status', status: { ...BOOTING, state: 'ready', phase: 'ready', epoch: 1 } })
  return { port, worker, say }
}

afterEach(() => vi.unstubAllGlobals())

test('an option that is undefined is one that is not given', () => {
  const { port, worker } = setup({ database: undefined, storage: undefined, runtimeUrl: undefined })
  expect(worker.posted[0]).toMatchObject({
    database: 'main',
    storage: 'opfs',
    runtimeUrl: 'http://localhost/durably/',
  })
  port.close()
})

test('a folder is one also without a slash at its end', () => {
  const { port, worker } = setup({ runtimeUrl: '/app/durably' })
  expect(worker.posted[0]).toMatchObject({ runtimeUrl: 'http://localhost/app/durably/' })
  port.close()
})

test('a storage that is neither is refused, and not taken for memory', () => {
  expect(() => setup({ storage: 'disk' as 'opfs' })).toThrow('The storage "disk" must be "opfs" or "memory".')
})

test('jobs are told of before the engine is up, where the runtime knows them, and asked for once it is', async () => {
  const { port, worker, say } = setup()
  say({ type: 'status', status: { ...BOOTING, epoch: 2 } })
  const early = port.request('jobs', {})
  const other = port.request('getRuns', {})
  const jobs = [{ name: 'bake', keys: ['bake'], description: null, inputSchema: {}, outputSchema: null }]
  say({ type: 'manifest', manifest: { jobs } as unknown as Manifest })
  expect(await early).toEqual(jobs)
  expect(await port.request('jobs', {})).toEqual(jobs)
  expect(worker.posted.filter(({ type }) => type === 'request')).toEqual([])
  say({ type: 'status', status: { ...BOOTING, state: 'ready', phase: 'ready', epoch: 2 } })
  void port.request('jobs', {}).catch(() => undefined)
  const asked = worker.posted.flatMap((message) => (message.type === 'request' ? [message.operation] : []))
  expect(asked).toEqual(['getRuns', 'jobs'])
  other.catch(() => undefined)
  port.close()
})

test('an abort rejects with its reason, and nothing stays with a signal that lives on', async () => {
  const { port, say } = setup()
  const waiting = new AbortController()
  const added = vi.spyOn(waiting.signal, 'addEventListener')
  const answered = port.request('jobs', {}, { signal: waiting.signal })
  say({ type: 'response', id: 1, ok: true, body: '[]' })
  await answered
  const [, , options] = added.mock.calls[0] ?? []
  expect((options as AddEventListenerOptions).signal?.aborted).toBe(true)
  const bored = port.request('jobs', {}, { signal: waiting.signal })
  waiting.abort(new Error('bored'))
  await expect(bored).rejects.toThrow('bored')
  say({ type: 'response', id: 2, ok: true, body: '[]' })
  port.close()
})

test('closing tells once, and rejects what waits', async () => {
  const { port } = setup()
  const failed = vi.fn()
  port.subscribe({}, { open: () => undefined, events: () => undefined, failed })
  const asked = port.request('jobs', {})
  port.close()
  port.close()
  await expect(asked).rejects.toMatchObject({ code: 'closed' })
  expect(failed).toHaveBeenCalledTimes(1)
})
