import { DurablyError, type Durably } from 'durably'
import { useDurably } from 'durably/react'
import { datedName, download } from '../parts/download'
import { formatBytes } from '../format'
import { useExtras } from '../extras'
import { useAction, type Action } from '../parts/use-action'
import { WORDS } from '../words'

const SAID = WORDS.storage

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
  const { forgetRun } = useExtras()
  return {
    ...state,
    exportDatabase: () => perform(() => exportDatabase(durably)),
    importDatabase: (file) => perform(() => importDatabase(durably, file, forgetRun)),
    clear: () => perform(() => clear(durably, forgetRun)),
    persist: () => perform(() => persist(durably)),
  }
}

async function exportDatabase({ storage }: Durably): Promise<string> {
  const file = await storage.export()
  const name = `${datedName('durably')}.db`
  download(file, name)
  return SAID.exported(name, formatBytes(file.size))
}

async function importDatabase(durably: Durably, file: File, forgetRun: () => void): Promise<string> {
  try {
    await durably.storage.import(file)
  } catch (error) {
    throw explained(error, file)
  }
  // The run that was chosen may not be in this database.
  forgetRun()
  return SAID.imported(file.name)
}

const REFUSALS: ReadonlySet<string> = new Set(['validation', 'storage_damaged', 'storage_full'])

function explained(error: unknown, file: File): unknown {
  if (!(error instanceof DurablyError) || !REFUSALS.has(error.code)) return error
  return new Error(SAID.notImported(file.name, error.message))
}

async function clear({ storage }: Durably, forgetRun: () => void): Promise<string> {
  await storage.clear()
  forgetRun()
  return SAID.cleared
}

async function persist({ storage }: Durably): Promise<string> {
  return (await storage.persist()) ? SAID.persistGranted : SAID.persistRefused
}
