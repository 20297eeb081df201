import { storageError } from './errors'

/**
 * The three files of a SQLite database. All are opened before SQLite starts, because opening a
 * handle is asynchronous and SQLite can't wait.
 */
export const DATABASE_SUFFIXES = ['', '-journal', '-wal'] as const

/** Access handles by file name. */
export type Handles = ReadonlyMap<string, FileSystemSyncAccessHandle>

const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 100

/**
 * Opens the files of the database `name`, creating them where they are missing.
 *
 * A tab that crashed releases its lock 8 to 35 ms before its handles, so a refused handle is asked
 * for again for up to `patienceMs`. Throws a `DurablyError` that says what the person can do.
 */
export async function openHandles(name: string, patienceMs = 10_000): Promise<Handles> {
  const deadline = performance.now() + patienceMs
  let pause = FIRST_PAUSE_MS
  for (;;) {
    try {
      return await openAll(name)
    } catch (error) {
      const held = error instanceof DOMException && error.name === 'NoModificationAllowedError'
      if (!held || performance.now() > deadline) throw storageError(error)
    }
    await new Promise((resolve) => setTimeout(resolve, pause))
    pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)
  }
}

async function openAll(name: string): Promise<Handles> {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle('durably', { create: true })
  const handles = new Map<string, FileSystemSyncAccessHandle>()
  try {
    // One after the other: of several in flight, those that arrive after a failure would never be closed.
    for (const suffix of DATABASE_SUFFIXES) {
      const file = await folder.getFileHandle(`${name}.db${suffix}`, { create: true })
      handles.set(`${name}.db${suffix}`, await file.createSyncAccessHandle())
    }
    return handles
  } catch (error) {
    for (const handle of handles.values()) handle.close()
    throw error
  }
}
