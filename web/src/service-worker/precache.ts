import { PrecacheController } from 'workbox-precaching/PrecacheController.js'
import type { OfflineError } from '../offline/messages'
import { CACHE, SCOPE } from './scope'
import { site, type SiteFile } from './site'

/** A version could not be downloaded. */
export class DownloadError extends Error {
  readonly reason: OfflineError

  constructor(reason: OfflineError) {
    super(reason.message)
    this.reason = reason
  }
}

/**
 * The files of this version in the cache. A file's key there has its hash, and its content was checked: files
 * of two versions lie side by side, and those that are the same are downloaded once. What a download that died
 * half-way leaves behind is used by the next.
 */
const precache = new PrecacheController({ cacheName: CACHE })
const brought = new Set<string>()
precache.strategy.plugins.push({
  cacheDidUpdate: ({ request }) => {
    brought.add(request.url)
    return Promise.resolve()
  },
})
precache.addToCacheList(site.files.map(({ url, ...rest }) => ({ ...rest, url: absolute(url) })))

/** Downloads what is not there yet. Throws a `DownloadError`. */
export async function download(event: ExtendableEvent, onProgress: (part: number) => void): Promise<void> {
  const total = site.files.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  for (const file of site.files) {
    onProgress(done / total)
    await downloadFile(file, event)
    done += file.bytes
  }
  onProgress(1)
}

/** What this download has brought: where there is no room for all of it, the engine's database needs what there is. */
async function giveBackRoom(): Promise<void> {
  const cache = await caches.open(CACHE)
  await Promise.all([...brought].map((key) => cache.delete(key)))
}

/** Deletes the files of other versions. */
export async function deleteOthers(event: ExtendableEvent): Promise<void> {
  await precache.activate(event)
}

/**
 * The file as it is in the cache; its address belongs to it, as browsers keep compiled code by it. What was lost
 * there is asked of the server again, which may have another version by now: then this rejects.
 */
export async function read(file: SiteFile, event: ExtendableEvent): Promise<Response> {
  return await ask(file, event, 'no-store')
}

/** Pages are what they are with their headers, which the browser may have kept from before. */
const isPage = ({ url }: SiteFile): boolean => url.endsWith('.html')

/**
 * What the browser has already, for the page, is not downloaded twice, but may be of another version: then the host is asked, and
 * the browser keeps what it had, which a page of the version before may still be served with.
 */
async function downloadFile(file: SiteFile, event: ExtendableEvent): Promise<void> {
  try {
    await ask(file, event, isPage(file) ? 'no-store' : 'force-cache')
  } catch {
    try {
      await ask(file, event, 'no-store')
    } catch (error) {
      throw new DownloadError(await explain(file, error))
    }
  }
}

async function ask(file: SiteFile, event: ExtendableEvent, cache: RequestCache): Promise<Response> {
  const { integrity } = file
  const url = absolute(file.url)
  const request = new Request(url, { integrity, cache, credentials: 'same-origin' })
  const cacheKey = precache.getCacheKeyForURL(url)
  const [response, done] = precache.strategy.handleAll({ event, request, params: { cacheKey, integrity } })
  await done
  return await response
}

/** Browsers say of a network that failed and of a file that is another only that it could not be fetched. */
async function explain({ url }: SiteFile, error: unknown): Promise<OfflineError> {
  if (error instanceof DOMException && error.name === 'QuotaExceededError') {
    await giveBackRoom()
    return { code: 'quota', message: 'There is no room on this device to make the app available offline.' }
  }
  const response = await fetch(absolute(url), { cache: 'no-store' }).catch(() => null)
  void response?.body?.cancel()
  if (response === null) return { code: 'network', message: `${url} could not be downloaded.` }
  return {
    code: 'integrity',
    message: response.ok
      ? `The server has another ${url} than this version of the app: it may be just being uploaded.`
      : `${url} of this version of the app is not on the server, which answered ${response.status}: it may be just being uploaded.`,
  }
}

function absolute(url: string): string {
  return new URL(url, SCOPE).href
}
