import { site } from './site'

/** Those that start a context of their own: what they may do depends on the headers of their script. */
const WORKERS: ReadonlySet<RequestDestination> = new Set(['worker', 'sharedworker'])

const POLICY = 'Content-Security-Policy'
const OPENER = 'Cross-Origin-Opener-Policy'
const EMBEDDER = 'Cross-Origin-Embedder-Policy'

/** Adds what isolates a page and what it may load, unless the host has said what it wants. */
export async function withHeaders(response: Response, { mode, destination }: Request): Promise<Response> {
  const isPage = mode === 'navigate'
  if (!isPage && !WORKERS.has(destination)) return response
  const headers = new Headers(response.headers)
  if (site.isolation !== 'none' && !headers.has(EMBEDDER)) {
    headers.set(EMBEDDER, site.isolation)
    if (isPage) headers.set(OPENER, 'same-origin')
  }
  if (site.policy !== '' && !headers.has(POLICY)) headers.set(POLICY, site.policy)
  const isSame = [EMBEDDER, POLICY].every((name) => response.headers.get(name) === headers.get(name))
  if (isSame) return response
  // As a blob the browser has it. A stream ends with this service worker, which the next version may end at any moment: the
  // page would wait for the rest of itself for ever.
  const { status, statusText } = response
  return new Response(await response.blob(), { status, statusText, headers })
}
