// Writes one page and flushes it, again and again: what a commit costs at the very least.
const PAGE = new Uint8Array(4096).fill(7)

self.onmessage = async (event: MessageEvent<number>) => {
  const root = await navigator.storage.getDirectory()
  const file = await root.getFileHandle('limit.bin', { create: true })
  const handle = await file.createSyncAccessHandle()
  handle.truncate(0)
  const began = performance.now()
  for (let index = 0; index < event.data; index++) {
    handle.write(PAGE, { at: index * PAGE.length })
    handle.flush()
  }
  const perSecond = (event.data / (performance.now() - began)) * 1000
  handle.close()
  self.postMessage(perSecond)
}
