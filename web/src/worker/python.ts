import type { Manifest, SnapshotUse, StartedFrom } from '../protocol'
import { filesOf, type ArchivedFile } from './archive'
import { fetchListed } from './manifest'
import { preload, snapshotOf, startPython, type App, type Python, type PythonOptions } from './pyodide'
import { isSnapshotWanted, readSnapshot, refuseSnapshot, snapshotKey, writeSnapshot } from './snapshots'

export type { Python } from './pyodide'

const APP_FOLDER = '/app'
/** The engine can't do without it: it is in the snapshot, and loaded before Python starts. */
const LIBRARY = /^pydantic_core\/.*\.so$/

/** Python's way to its start. */
export interface Watcher {
  /** `part` of it is done, from 0 to 1. */
  progress: (part: number) => void
  /** It goes on from there. */
  startsFrom: (source: StartedFrom) => void
}

/** `spa_runtime.library`. */
interface LibraryModule {
  install(fetch: () => Uint8Array, integrity: string, modules: string): void
}

/** `spa_runtime.snapshot`. */
interface SnapshotModule {
  prepare(): void
  restored(): void
}

/** Loads Pyodide with packages, engine and jobs. */
export async function loadPython(
  runtimeUrl: string,
  manifest: Manifest,
  { progress, startsFrom }: Watcher,
  use: SnapshotUse,
): Promise<Python> {
  const key = await snapshotKey(runtimeUrl, partsOf(manifest))
  if (use === 'refuse') await refuseSnapshot(key)
  preload(pyodideUrl(runtimeUrl, manifest))
  const app = fetchApp(runtimeUrl, manifest, manifest.archives)
  // Awaited only once Python starts; a failure until then is not unhandled.
  app.catch(() => undefined)
  const snapshot = use === 'use' ? readSnapshot(key) : Promise.resolve(null)
  const options = { ...usual(app), onLoaded: () => progress(0.1) }
  const found = await snapshot
  if (found !== null) {
    startsFrom('snapshot')
    try {
      const python = await startPython(pyodideUrl(runtimeUrl, manifest), { ...options, snapshot })
      snapshotModule(python).restored()
      installLibrary(python, runtimeUrl, manifest)
      progress(1)
      return python
    } catch (error) {
      // Whatever it is: without it Python starts as if there had been none.
      console.warn('Python could not be started from its snapshot, and starts anew.', error)
      await refuseSnapshot(key)
    }
  }
  startsFrom('files')
  const python = await startPython(pyodideUrl(runtimeUrl, manifest), options)
  installLibrary(python, runtimeUrl, manifest)
  progress(1)
  return python
}

/** Starts a Python that does nothing else, and keeps its memory for the next start. */
export async function makeSnapshot(runtimeUrl: string, manifest: Manifest): Promise<void> {
  const key = await snapshotKey(runtimeUrl, partsOf(manifest))
  if (!(await isSnapshotWanted(key))) return
  const app = fetchApp(runtimeUrl, manifest, ofEngine(manifest))
  app.catch(() => undefined)
  const python = await startPython(pyodideUrl(runtimeUrl, manifest), { ...usual(app), isToBeKept: true })
  // As text: a module in the hands of JavaScript would be in memory.
  python.pyodide.runPython('import spa_runtime.snapshot\nspa_runtime.snapshot.prepare()')
  await writeSnapshot(key, snapshotOf(python))
}

function usual(app: Promise<App>): PythonOptions {
  refuseScripts()
  return {
    app,
    env: { HOME: '/home/pyodide', PYTHONPATH: APP_FOLDER, PYDANTIC_DISABLE_PLUGINS: '__all__' },
    // The worker ends, the page starts another.
    onFatal: () => self.close(),
  }
}

function pyodideUrl(runtimeUrl: string, manifest: Manifest): URL {
  return new URL(manifest.pyodide.url, runtimeUrl)
}

function installLibrary(python: Python, runtimeUrl: string, { library, files }: Manifest): void {
  if (library === null) return
  const module = python.pyodide.pyimport('spa_runtime.library') as LibraryModule
  const fetch = (): Uint8Array => fetchAtOnce(new URL(library.path, runtimeUrl))
  module.install(fetch, files[library.path]?.integrity ?? '', library.modules.join(' '))
}

/** As only workers may, and as only this old way can. */
function fetchAtOnce(url: URL): Uint8Array {
  const request = new XMLHttpRequest()
  request.open('GET', url, false)
  request.responseType = 'arraybuffer'
  request.send()
  if (request.status !== 200) throw new Error(`the server answered with status ${request.status}`)
  return new Uint8Array(request.response as ArrayBuffer)
}

function snapshotModule(python: Python): SnapshotModule {
  return python.pyodide.pyimport('spa_runtime.snapshot') as SnapshotModule
}

/** What a snapshot is made of: a deploy in which the jobs changed leaves it as it is. */
function partsOf(manifest: Manifest): string[] {
  return [manifest.pyodide.url, ...ofEngine(manifest)]
}

/** The archives of packages and engine. The jobs come last, and are imported at each start. */
function ofEngine({ archives }: Manifest): string[] {
  return archives.slice(0, -1)
}

async function fetchApp(runtimeUrl: string, manifest: Manifest, archives: string[]): Promise<App> {
  const contents = await Promise.all(archives.map((path) => fetchListed(path, manifest, runtimeUrl)))
  // As with archives that are unpacked one after the other: of two files in one place the last one stays.
  const files = new Map(contents.flatMap(filesOf).map((file): [string, ArchivedFile] => [file.path, file]))
  const library = [...files.values()].find(({ path }) => LIBRARY.test(path))
  if (library === undefined) return { folder: APP_FOLDER, files: [...files.values()], library: null }
  const module = await WebAssembly.compile((await library.readBeside()) as BufferSource)
  return { folder: APP_FOLDER, files: [...files.values()], library: { path: library.path, module } }
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
