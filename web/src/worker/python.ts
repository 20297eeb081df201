import type { Manifest } from '../protocol'
import { fetchListed } from './manifest'
import { startPython, type Python } from './pyodide'

export type { Python } from './pyodide'

const APP_FOLDER = '/app'

/** Loads Pyodide and unpacks packages, engine and jobs. `progress` runs from 0 to 1. */
export async function loadPython(
  runtimeUrl: string,
  manifest: Manifest,
  progress: (part: number) => void,
): Promise<Python> {
  const archives = Promise.all(manifest.archives.map((path) => fetchListed(path, manifest, runtimeUrl)))
  // Awaited only once Python is up; a failure until then is not unhandled.
  archives.catch(() => undefined)
  refuseScripts()
  const python = await startPython(new URL(manifest.pyodide.url, runtimeUrl), {
    env: { HOME: '/home/pyodide', PYTHONPATH: APP_FOLDER, PYDANTIC_DISABLE_PLUGINS: '__all__' },
    // The worker ends, the page starts another.
    onFatal: () => self.close(),
    onLoaded: () => progress(0.1),
  })
  progress(0.7)
  for (const archive of await archives) {
    python.pyodide.unpackArchive(archive, 'zip', { extractDir: APP_FOLDER })
  }
  // Python looked at the folder when it started, and remembers that there was none.
  const importlib = python.pyodide.pyimport('importlib') as { invalidate_caches(): void }
  importlib.invalidate_caches()
  progress(1)
  return python
}

/**
 * A worker that is a module has this function, which always throws. Pyodide calls it with a script of text to learn
 * where it is, and browsers with Trusted Types would report that.
 */
function refuseScripts(): void {
  self.importScripts = () => {
    throw new TypeError('A worker that is a module imports no classic scripts.')
  }
}
