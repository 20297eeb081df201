import { site } from './site'

/** Those that start a context of their own: what they may do depends on the headers of their script. */
const WORKERS: ReadonlySet<RequestDestination> = new Set(['worker', 'sharedworker'])

/** Adds what makes a page cross-origin isolated, unless the host has said what it wants. */
export function isolated(response: Response, { mode, destination }: Request): Response {
  const isPage = mode === 'navigate'
  if (site.isolation === 'none' || !(isPage || WORKERS.has(destination))) return response
  if (response.headers.has('Cross-Origin-Embedder-Policy')) return response
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Embedder-Policy', site.isolation)
  if (isPage) headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
