/**
 * Stands where a site has no service worker: one that was there before removes itself, its files and its pages'
 * memory of it. What the engine has stored stays.
 */

import type { Hello, ToServiceWorker } from '../offline/messages'
import { openPages, reloadPages, stopPages } from './pages'
import { CACHE } from './scope'

declare const self: ServiceWorkerGlobalScope

self.addEventListener('install', () => void self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(remove()))
self.addEventListener('message', (event) => {
  if ((event.data as ToServiceWorker).type !== 'hello') return
  event.ports[0]?.postMessage({ version: null, isolation: 'none', isOutdated: false } satisfies Hello)
  event.waitUntil(removeAgain())
})

let isRemoving = false

async function remove(): Promise<void> {
  isRemoving = true
  // Without files there was nothing to remove: a page that asks for a service worker again must not be reloaded again.
  const wasThere = await self.caches.has(CACHE)
  // These reload by themselves once this service worker is active.
  const stopped = new Set(wasThere ? await stopPages(await openPages()) : [])
  await self.caches.delete(CACHE)
  await self.registration.unregister()
  isRemoving = false
  if (wasThere) await reloadPages(stopped)
}

/** A page that asked for a service worker while this one was going may have kept it: it would never activate again. */
async function removeAgain(): Promise<void> {
  const { installing, waiting } = self.registration
  if (installing === null && waiting === null && !isRemoving) await self.registration.unregister()
}
