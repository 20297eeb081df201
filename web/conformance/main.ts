import type { SessionMessage, SessionRequest } from './messages'

// Driven by tests/browser/test_conformance.py, which reads `messages` and gives up on a silent worker.
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
const messages: SessionMessage[] = []

worker.onmessage = (event: MessageEvent<SessionMessage>) => messages.push(event.data)
worker.onerror = (event) => messages.push({ type: 'broken', reason: event.message })

Object.assign(window, {
  messages,
  startSession: (request: SessionRequest) => {
    messages.length = 0
    worker.postMessage(request)
  },
  /** Bytes of a file in the folder that the database lives in, as the browser itself counts them. */
  sizeInOpfs: async (name: string) => {
    const root = await navigator.storage.getDirectory()
    const all = await root.getDirectoryHandle('durably')
    const folder = await all.getDirectoryHandle('conformance')
    return (await (await folder.getFileHandle(name)).getFile()).size
  },
})
