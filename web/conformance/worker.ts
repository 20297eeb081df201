import { openOpfsFolder } from '../src/opfs/opfs-folder'
import { fetchManifest } from '../src/worker/manifest'
import { loadPython } from '../src/worker/python'
import { DatabaseStorage } from '../src/worker/storage'
import type { SessionMessage, SessionRequest } from './messages'

/** The database that `tests/conftest.py` opens. */
const DATABASE = 'conformance'

/** `tests/browser/pytest_in_pyodide.py`. Bodies are JSON text. */
interface SessionModule {
  run: { callPromising(file: string, config: string, tell: (body: string) => void): Promise<string> }
}

const UNWATCHED = { progress: () => undefined, startsFrom: () => undefined }

const post = (message: SessionMessage): void => self.postMessage(message)
const booted = boot()
// Told in answer to the first request.
booted.catch(() => undefined)

self.onmessage = async ({ data }: MessageEvent<SessionRequest>) => {
  try {
    const { session, walFlushes } = await booted
    const before = walFlushes()
    const tell = (body: string) => post({ type: 'told', body })
    // With stack switching: pytest is sync, and waits in its midst for coroutines of the loop that runs it.
    const body = await session.run.callPromising(data.file, data.config, tell)
    post({ type: 'ended', body, walFlushes: walFlushes() - before })
  } catch (error) {
    post({ type: 'broken', reason: String(error) })
  }
}

/** The parts of the real worker, with pytest in the place of the engine. */
async function boot() {
  const runtimeUrl = new URL('../durably/', self.location.href).href
  const manifest = await fetchManifest(runtimeUrl)
  const lost = (error: unknown) => post({ type: 'broken', reason: `The handles are lost: ${String(error)}` })
  const folder = await openOpfsFolder(DATABASE)
  const storage = await DatabaseStorage.open(folder, 'opfs', DATABASE, lost)
  const python = await loadPython(runtimeUrl, manifest, UNWATCHED, 'ignore')
  storage.mount(python, lost)
  return {
    session: python.pyodide.pyimport(manifest.jobsModule) as SessionModule,
    walFlushes: () => storage.walFlushes,
  }
}
