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
})

async function remove(): Promise<void> {
  // Without files there was nothing to remove: a page that asks for a service worker again must not be reloaded again.
  const wasThere = await self.caches.has(CACHE)
  if (wasThere) await stopPages(await openPages())
  await self.caches.delete(CACHE)
  await self.registration.unregister()
  if (wasThere) await reloadPages(new Set())
}
