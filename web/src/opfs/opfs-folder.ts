import { explained } from './errors'
import type { Folder, OpenFile } from './folder'

const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 100

/** How long handles are waited for that a tab that died has not released yet. */
const PATIENCE_MS = 10_000

/**
 * The folder of one database in the origin's private file system. Throws a `DurablyError` that says
 * what the person can do.
 *
 * A tab that crashed releases its lock 8 to 35 ms before its handles, so a refused handle is asked for
 * again, up to ten seconds.
 */
export async function openOpfsFolder(name: string): Promise<Folder> {
  return await explained(async () => {
    const root = await navigator.storage.getDirectory()
    const all = await root.getDirectoryHandle('durably', { create: true })
    return new OpfsFolder(await all.getDirectoryHandle(name, { create: true }))
  })
}

class OpfsFolder implements Folder {
  readonly #folder: FileSystemDirectoryHandle

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder
  }

  async open(name: string): Promise<OpenFile> {
    return await explained(async () => {
      const file = await this.#folder.getFileHandle(name, { create: true })
      return await patiently(() => file.createSyncAccessHandle())
    })
  }

  async names(): Promise<string[]> {
    return await explained(async () => {
      const names: string[] = []
      for await (const name of this.#folder.keys()) names.push(name)
      return names
    })
  }

  async read(name: string): Promise<Blob> {
    return await explained(async () => (await this.#folder.getFileHandle(name)).getFile())
  }

  async remove(name: string): Promise<void> {
    await explained(() => patiently(() => this.#folder.removeEntry(name)))
  }
}

async function patiently<Result>(ask: () => Promise<Result>): Promise<Result> {
  const deadline = performance.now() + PATIENCE_MS
  let pause = FIRST_PAUSE_MS
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const isHeld = error instanceof DOMException && error.name === 'NoModificationAllowedError'
      if (!isHeld || performance.now() > deadline) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, pause))
    pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)
  }
}
