import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import { after, makeNote, type Note, type Outcome } from './notes'

interface Schema extends DBSchema {
  notes: { key: string; value: Note & { createdAt: number } }
}

const NAME = 'durably-demo-notes'

/** All notes, in the order in which they were made. */
export async function readNotes(): Promise<Note[]> {
  const found = await (await opened()).getAll('notes')
  return found.sort((a, b) => a.createdAt - b.createdAt)
}

export async function addNote(text: string): Promise<void> {
  const note = makeNote(crypto.randomUUID(), text)
  await (await opened()).add('notes', { ...note, createdAt: Date.now() })
}

/** In one transaction: another tab may be changing it, too. */
export async function changeNote(id: string, change: (note: Note) => Note): Promise<void> {
  const transaction = (await opened()).transaction('notes', 'readwrite')
  const found = await transaction.store.get(id)
  if (found !== undefined) await transaction.store.put({ ...change(found), createdAt: found.createdAt })
  await transaction.done
}

/** Keeps what is known now of where the notes are. */
export async function keepOutcomes(outcomes: readonly Outcome[]): Promise<void> {
  if (outcomes.length === 0) return
  const transaction = (await opened()).transaction('notes', 'readwrite')
  for (const outcome of outcomes) {
    const found = await transaction.store.get(outcome.id)
    if (found === undefined) continue
    const known = after(found, outcome)
    if (known === null) await transaction.store.delete(outcome.id)
    else if (known !== found) await transaction.store.put({ ...known, createdAt: found.createdAt })
  }
  await transaction.done
}

let database: Promise<IDBPDatabase<Schema>> | null = null

function opened(): Promise<IDBPDatabase<Schema>> {
  database ??= openDB<Schema>(NAME, 1, {
    upgrade: (created) => {
      created.createObjectStore('notes', { keyPath: 'id' })
    },
    terminated: () => {
      database = null
    },
  }).catch((error: unknown) => {
    database = null
    throw new Error('This window keeps no notes: its browser gives the page no database.', { cause: error })
  })
  return database
}
