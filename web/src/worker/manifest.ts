import type { Manifest } from '../protocol'

const MANIFEST_VERSION = 2

export async function fetchManifest(runtimeUrl: string): Promise<Manifest> {
  const url = new URL('manifest.json', runtimeUrl)
  // Always asked for anew: an old manifest names files that a deploy has removed.
  const response = await fetched(url, { cache: 'no-cache' })
  const manifest = (await response.json().catch(() => null)) as Manifest | null
  if (manifest === null)
    throw new Error(`${shown(url)} is not a manifest: the server answers something else.`)
  if ((manifest.manifestVersion as number) !== MANIFEST_VERSION) {
    throw new Error('The Python runtime on this server was built for another version of the page: reload it.')
  }
  return manifest
}

/** A file that the manifest names, with the content that it had when the manifest was written. */
export async function fetchListed(
  path: string,
  manifest: Manifest,
  runtimeUrl: string,
): Promise<ArrayBuffer> {
  const url = new URL(path, runtimeUrl)
  const integrity = manifest.files[path]?.integrity ?? ''
  // A host may have answered with something else before the file was there, and had the browser keep that for ever.
  const response = await fetched(url, { integrity }).catch(() => fetched(url, { integrity, cache: 'reload' }))
  return await response.arrayBuffer()
}

async function fetched(url: URL, options: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, options)
  } catch {
    const orOther = options.integrity === undefined ? '' : ', or answers with another file'
    throw new Error(`${shown(url)} could not be loaded: the server can’t be reached${orOther}.`)
  }
  if (!response.ok)
    throw new Error(`${shown(url)} could not be loaded: the server answered ${response.status}.`)
  return response
}

/** With its host where that is another than the page's. */
function shown(url: URL): string {
  return url.origin === self.location.origin ? url.pathname : url.href
}
