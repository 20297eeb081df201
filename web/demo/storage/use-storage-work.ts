import { DurablyError, type Durably } from '../../src'
import { useDurably } from '../../src/react'
import { datedName, download } from '../lib/download'
import { formatBytes } from '../../dashboard/format'
import { useAction, type Action } from '../lib/use-action'
import { selectRun, showRun } from '../lib/use-selected-run'

export interface StorageWork extends Omit<Action, 'perform'> {
  exportDatabase: () => void
  importDatabase: (file: File) => void
  clear: () => void
  persist: () => void
}

/** What can be done with the database as a whole, one thing at a time, and what came of it in a sentence. */
export function useStorageWork(): StorageWork {
  const { durably } = useDurably()
  const { perform, ...state } = useAction()
  return {
    ...state,
    exportDatabase: () => perform(() => exportDatabase(durably)),
    importDatabase: (file) => perform(() => importDatabase(durably, file)),
    clear: () => perform(() => clear(durably)),
    persist: () => perform(() => persist(durably)),
  }
}

async function exportDatabase({ storage }: Durably): Promise<string> {
  const file = await storage.export()
  const name = `${datedName('durably')}.db`
  download(file, name)
  return `${name} was exported (${formatBytes(file.size)}). Any SQLite opens it.`
}

async function importDatabase(durably: Durably, file: File): Promise<string> {
  try {
    await durably.storage.import(file)
  } catch (error) {
    throw explained(error, file)
  }
  await showNewestRun(durably)
  return `${file.name} was imported. Its runs are in the list now.`
}

/** The run that was selected may not be in this database. */
async function showNewestRun(durably: Durably): Promise<void> {
  const [newest] = await durably.getRuns({ view: 'summary', limit: 1 })
  if (newest === undefined) selectRun(null)
  else showRun(newest.id)
}

const REFUSALS: ReadonlySet<string> = new Set(['validation', 'storage_damaged', 'storage_full'])

function explained(error: unknown, file: File): unknown {
  if (!(error instanceof DurablyError) || !REFUSALS.has(error.code)) return error
  return new Error(`${file.name} was not imported. ${error.message} Nothing was changed.`)
}

async function clear({ storage }: Durably): Promise<string> {
  await storage.clear()
  selectRun(null)
  return 'Everything was deleted.'
}

async function persist({ storage }: Durably): Promise<string> {
  return (await storage.persist())
    ? 'The browser keeps it from now on.'
    : 'The browser said no. Export what you must not lose; many browsers say yes once a page is used more often.'
}
