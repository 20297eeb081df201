import { createPartialResponse } from 'workbox-range-requests/createPartialResponse.js'
import { findFile, findPage, isFolder, isInScope } from './files'
import { withHeaders } from './headers'
import { reload } from './pages'
import { read } from './precache'
import { SCOPE } from './scope'
import type { SiteFile } from './site'
import { visitors } from './visitors'

declare const self: ServiceWorkerGlobalScope

/** What the host has now: the browser may have kept the file of this version, or of one before. */
const NOT_KEPT: RequestInit = { cache: 'no-cache' }

/** The answer to a request of a page or worker; null: the network's. */
export function answerTo(event: FetchEvent): Promise<Response> | null {
  const { request, clientId, resultingClientId } = event
  visitors.answer(resultingClientId)
  // A worker is what its page is.
  if (resultingClientId !== '' && visitors.isForeign(clientId)) visitors.leaveToNetwork(resultingClientId)
  if (request.method !== 'GET') return null
  const url = new URL(request.url)
  if (request.mode === 'navigate') return pageAt(url, event)
  if (!isInScope(url)) return null
  const file = findFile(url)
  return file !== undefined || visitors.isOutdated(clientId) ? answerClient(event, file) : null
}

function pageAt(url: URL, event: FetchEvent): Promise<Response> | null {
  // Addresses relative to it would lead elsewhere without the slash.
  if (isFolder(url)) return Promise.resolve(Response.redirect(`${url.origin}${url.pathname}/${url.search}`))
  const file = findPage(url)
  return file === undefined ? null : page(file, event)
}

/** A page that is lost in the cache and no longer on the server: better another version's than none. */
async function page(file: SiteFile, event: FetchEvent): Promise<Response> {
  const response = await read(file, event).catch(() => null)
  if (response !== null) return await withHeaders(response, event.request)
  visitors.leaveToNetwork(event.resultingClientId)
  return await fetch(event.request, NOT_KEPT)
}

async function answerClient(event: FetchEvent, file: SiteFile | undefined): Promise<Response> {
  const { request, clientId } = event
  const client = await self.clients.get(clientId)
  if (isAround(client)) return await answerAround(event, file)
  // A page of another version gets nothing of this one, also while it is being left. Its workers end with it.
  if (visitors.isOutdated(clientId) && client?.type !== 'worker') {
    if (client instanceof WindowClient) reload(client)
    return Response.error()
  }
  if (file === undefined) return await fetch(request)
  if (visitors.isForeign(clientId) || isForeign(client)) return await fetch(request, NOT_KEPT)
  const response = await read(file, event)
  if (request.headers.has('Range')) return await createPartialResponse(request, response)
  return await withHeaders(response, request)
}

/** A page of the host around this folder, which has embedded something of it: a version of its own is kept for none. */
function isAround(client: Client | undefined): boolean {
  return client instanceof WindowClient && !isInScope(new URL(client.url))
}

/** As the host has it now, and what is kept only where there is no network. */
async function answerAround(event: FetchEvent, file: SiteFile | undefined): Promise<Response> {
  // A worker is what its page is.
  if (event.resultingClientId !== '') visitors.leaveToNetwork(event.resultingClientId)
  try {
    return await fetch(event.request, NOT_KEPT)
  } catch (error) {
    if (file === undefined) throw error
    return await read(file, event)
  }
}

/** Pages below this folder that the host has answered, and their workers, are of the version that it has now. */
function isForeign(client: Client | undefined): boolean {
  const url = new URL(client?.url ?? SCOPE)
  return url.protocol.startsWith('http') && findPage(url) === undefined
}
