/**
 * The service worker of a built site. It downloads its version as a whole, waits until the person wants it, and
 * then answers every page from it.
 */

import type { Hello, OfflineError, ToServiceWorker } from '../offline/messages'
import { answerTo } from './answers'
import { hasScript, isInScope } from './files'
import { ask, openPages, reloadPages, stopPages, tellPages } from './pages'
import { deleteOthers, download, DownloadError } from './precache'
import { site } from './site'
import { visitors } from './visitors'

declare const self: ServiceWorkerGlobalScope

/** No other version was there when this one was installed. Forgotten with the process: then pages wait for their next load. */
let isFirst = false
/** The version before is this one, too: a newer service worker alone, or an update that was taken back. */
let isSame = false
/** These reload by themselves when this version takes over. */
let stopped: ReadonlySet<string> = new Set()
let takingOver: Promise<void> | null = null

self.addEventListener('install', (event) => event.waitUntil(install(event)))
self.addEventListener('activate', (event) => event.waitUntil(activate(event)))
self.addEventListener('fetch', (event) => {
  const answer = answerTo(event)
  if (answer !== null) event.respondWith(answer)
})
self.addEventListener('message', (event) => {
  const message = event.data as ToServiceWorker
  switch (message.type) {
    case 'hello':
      event.ports[0]?.postMessage(hello(message.scripts, event.source) satisfies Hello)
      return
    case 'update':
      event.waitUntil(openPages().then(takeOver))
      return
    case 'take-over':
      isSame = true
      event.waitUntil(self.skipWaiting())
  }
})

/** A failure leaves the version that is there as it is; the browser tries again at the next visit. */
async function install(event: ExtendableEvent): Promise<void> {
  isFirst = self.registration.active === null
  try {
    await download(event, (part) => void tellPages({ type: 'progress', percent: Math.round(part * 100) }))
  } catch (error) {
    await tellPages({ type: 'failed', error: reasonOf(error) })
    throw error
  }
  if (isFirst) return
  const { isAsked, silent } = await ask()
  // A broken page does not answer: this is how a bad version is replaced.
  if (!isAsked) await takeOver(silent)
}

function takeOver(pages: readonly WindowClient[]): Promise<void> {
  takingOver ??= (async () => {
    stopped = new Set(await stopPages(pages))
    // Browsers may ask this version for files of their pages before they tell it that it is active.
    visitors.beginAnew()
    await self.skipWaiting()
  })()
  return takingOver
}

async function activate(event: ExtendableEvent): Promise<void> {
  await deleteOthers(event)
  if (isFirst) await self.clients.claim()
  else if (!isSame) await reloadPages(stopped)
}

function hello(scripts: readonly string[], source: ExtendableMessageEvent['source']): Hello {
  const urls = scripts.map((script) => new URL(script))
  const isOutdated =
    (source instanceof Client && visitors.isOutdated(source.id)) ||
    urls.some((url) => isInScope(url) && !hasScript(url))
  return { version: site.version, isolation: site.isolation, isOutdated }
}

function reasonOf(error: unknown): OfflineError {
  if (error instanceof DownloadError) return error.reason
  return { code: 'worker', message: `The app could not be made available offline: ${String(error)}` }
}
