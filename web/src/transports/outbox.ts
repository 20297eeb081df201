import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { OperationName } from '../protocol'

/** What is asked for and has no answer yet. */
export interface Kept {
  /** By this name the engine knows it when it is sent again. */
  command: string
  database: string
  operation: OperationName
  /** JSON text. */
  body: string
  /** From then on an engine may have carried it out. Null: none was asked. */
  mayBeSentAt: number | null
}

interface Schema extends DBSchema {
  requests: { key: string; value: Kept; indexes: { database: string } }
}

const NAME = 'durably-outbox'

/** What is acknowledged here survives what the database's own file survives. */
const STRICT = { durability: 'strict' } as const

/**
 * Requests that were made before there was an engine to answer them, in IndexedDB until one has: the page may be gone
 * before Python is up. The next page that has the engine sends them, under the same name, so that each is carried out
 * once.
 */
export class Outbox {
  readonly #database: string

  constructor(database: string) {
    this.#database = database
  }

  /** Settles when it is on disk. */
  async keep(request: Omit<Kept, 'database'>): Promise<void> {
    await opened(async (outbox) => {
      const transaction = outbox.transaction('requests', 'readwrite', STRICT)
      await transaction.store.put({ ...request, database: this.#database })
      await transaction.done
    })
  }

  /** It has its answer. */
  async delete(command: string): Promise<void> {
    await opened((outbox) => outbox.delete('requests', command))
  }

  /** An engine is about to be asked all of this database's requests. Returns them as they were before. */
  async send(now: number): Promise<Kept[]> {
    return await opened(async (outbox) => {
      const transaction = outbox.transaction('requests', 'readwrite', STRICT)
      const found = await transaction.store.index('database').getAll(this.#database)
      for (const kept of found) {
        // Before it is asked: after a crash on this line it was not sent, and counts as sent.
        if (kept.mayBeSentAt === null) await transaction.store.put({ ...kept, mayBeSentAt: now })
      }
      await transaction.done
      // Their names begin with the time: in their order.
      return found.sort((one, other) => (one.command < other.command ? -1 : 1))
    })
  }
}

/** For as long as it is needed: nobody who wants to change its form has to wait for a page. */
async function opened<Result>(work: (outbox: IDBPDatabase<Schema>) => Promise<Result>): Promise<Result> {
  const outbox = await openDB<Schema>(NAME, 1, {
    upgrade(database) {
      database.createObjectStore('requests', { keyPath: 'command' }).createIndex('database', 'database')
    },
  })
  try {
    return await work(outbox)
  } finally {
    outbox.close()
  }
}
