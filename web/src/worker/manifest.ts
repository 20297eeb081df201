/** What the bundler wrote: `manifest.json` in the runtime folder. Addresses are relative to it. */
export interface Manifest {
  manifestVersion: 1
  /** Version of the Python package. */
  engine: string
  /** Hash over Pyodide and the app. */
  build: string
  pyodide: { version: string; url: string }
  /** One archive: wheels, engine and jobs. */
  app: { url: string; bytes: number }
  /** Name of the Python module that defines the jobs. */
  jobsModule: string
  /** Options of `create_durably`. */
  options: Record<string, unknown>
}

export async function fetchManifest(runtimeUrl: string): Promise<Manifest> {
  const url = new URL('manifest.json', runtimeUrl)
  // Always asked for anew: an old manifest names files that a deploy has removed.
  const response = await fetched(url, { cache: 'no-cache' })
  const manifest = (await response.json().catch(() => null)) as Manifest | null
  if (manifest === null)
    throw new Error(`${shown(url)} is not a manifest: the server answers something else.`)
  if ((manifest.manifestVersion as number) !== 1) {
    throw new Error('The Python runtime on this server was built for another version of the page.')
  }
  return manifest
}

export async function fetched(url: URL, options: RequestInit = {}): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, options)
  } catch {
    throw new Error(`${shown(url)} could not be loaded: the server can’t be reached.`)
  }
  if (!response.ok)
    throw new Error(`${shown(url)} could not be loaded: the server answered ${response.status}.`)
  return response
}

/** With its host where that is another than the page's. */
function shown(url: URL): string {
  return url.origin === self.location.origin ? url.pathname : url.href
}
