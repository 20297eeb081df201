import type { Handle } from './buffered-file'
import { Catalog, type SetAside } from './catalog'
import type { Folder, OpenFile } from './folder'
import { ReserveFile } from './reserve-file'

/**
 * The three files of a SQLite database. All are opened before SQLite starts, because opening a handle
 * is asynchronous and SQLite can't wait.
 */
const SUFFIXES = ['', '-journal', '-wal'] as const
type Suffix = (typeof SUFFIXES)[number]

const CATALOG = 'catalog'
const RESERVE = 'reserve'

/** The files of one database, open. The folder may hold several, of which the catalog names one. */
export interface Generation {
  readonly number: number
  readonly files: ReadonlyMap<Suffix, OpenFile>
}

/** A database that was set aside, with the size of its files. */
export interface SetAsideInfo extends SetAside {
  bytes: number
}

/**
 * The files of a database in a folder:
 *
 *     catalog   which generation is the database, and which are set aside
 *     3.db, 3.db-journal, 3.db-wal   generation 3
 *     reserve   room for the last writes of runs when storage is full
 *
 * A database is replaced by another generation through one write to the catalog, so that a crash at
 * any moment leaves the old one or the new one. A generation is deleted only when the catalog no longer
 * names it; `tidy` deletes what a crash has left behind.
 */
export class DatabaseFiles {
  readonly #folder: Folder
  readonly #catalog: Catalog
  readonly #onFatal: (error: unknown) => void
  #reserve: ReserveFile
  #current: Generation

  private constructor(
    folder: Folder,
    catalog: Catalog,
    reserve: ReserveFile,
    current: Generation,
    onFatal: (error: unknown) => void,
  ) {
    this.#folder = folder
    this.#onFatal = onFatal
    this.#catalog = catalog
    this.#reserve = reserve
    this.#current = current
  }

  /** `onFatal` is called when this worker can't know any more what is on disk: the next one reads it. */
  static async open(folder: Folder, onFatal: (error: unknown) => void): Promise<DatabaseFiles> {
    // One after the other, and the catalog first: who has that, has them all.
    const catalogFile = await folder.open(CATALOG)
    const opened: OpenFile[] = [catalogFile]
    try {
      const catalog = new Catalog(catalogFile)
      const record = catalog.record ?? (await found(folder))
      // On disk before there is a second generation: what is in the folder beside it is known from here on.
      if (catalog.record === null) catalog.write(record)
      const reserve = await ReserveFile.open(folder, RESERVE)
      opened.push(reserve)
      return new DatabaseFiles(
        folder,
        catalog,
        reserve,
        await openGeneration(folder, record.generation),
        onFatal,
      )
    } catch (error) {
      for (const file of opened) file.close()
      throw error
    }
  }

  /** Of the database, by the names under which SQLite finds them beside `name`. */
  handles(name: string): ReadonlyMap<string, Handle> {
    return new Map<string, Handle>([...handlesOf(this.#current, name), [`${name}-reserve`, this.#reserve]])
  }

  /** Of the database file itself. */
  get database(): Handle {
    return fileOf(this.#current, '')
  }

  /**
   * Closes the files and opens them again: a file that has become smaller keeps the room that it once had
   * until then, at least in Chromium.
   */
  async reopen(): Promise<void> {
    close(this.#current)
    this.#reserve.close()
    try {
      this.#reserve = await ReserveFile.open(this.#folder, RESERVE)
      this.#current = await openGeneration(this.#folder, this.#current.number)
    } catch (error) {
      this.#onFatal(error)
      throw error
    }
  }

  // ---------------------------------------------------------------- replacing the database

  /** Goes on with an empty database. What there was stays in the folder for the person. */
  async setAside(reason: string): Promise<void> {
    const setAside = { generation: this.#current.number, at: new Date().toISOString(), reason }
    this.#switchTo(await this.begin(), [...this.#setAside, setAside])
  }

  /** Files for another database, which is not the database yet. */
  async begin(): Promise<Generation> {
    const numbers = (await this.#folder.names()).map(generationOf)
    return await openGeneration(this.#folder, Math.max(this.#current.number, ...numbers) + 1)
  }

  /** From here on this is the database; the one before is deleted. */
  async adopt(generation: Generation): Promise<void> {
    this.#switchTo(generation, this.#setAside)
    await this.tidy()
  }

  /** Deletes files that did not become the database. */
  async discard(generation: Generation): Promise<void> {
    close(generation)
    await this.tidy()
  }

  /** Deletes the database and all that was set aside, and goes on with an empty one. */
  async clear(): Promise<void> {
    this.#switchTo(await this.begin(), [])
    await this.tidy()
  }

  #switchTo(generation: Generation, setAside: readonly SetAside[]): void {
    const before = this.#current
    this.#record(generation.number, setAside)
    this.#current = generation
    close(before)
  }

  #record(generation: number, setAside: readonly SetAside[]): void {
    try {
      this.#catalog.write({ generation, setAside })
    } catch (error) {
      // The record may have reached the disk or not: from here on no file may be deleted for either.
      this.#onFatal(error)
      throw error
    }
  }

  // ---------------------------------------------------------------- what was set aside

  get #setAside(): readonly SetAside[] {
    return this.#catalog.record?.setAside ?? []
  }

  async listSetAside(): Promise<SetAsideInfo[]> {
    return await Promise.all(
      this.#setAside.map(async (each) => {
        const files = await this.readSetAside(each.generation)
        return { ...each, bytes: files.reduce((sum, { size }) => sum + size, 0) }
      }),
    )
  }

  /** Those of its files that are not empty. None for a number that is not set aside. */
  async readSetAside(generation: number): Promise<File[]> {
    if (!this.#setAside.some((each) => each.generation === generation)) return []
    const names = (await this.#folder.names()).filter((name) => generationOf(name) === generation)
    const files = await Promise.all(
      names.map(async (name) => new File([await this.#folder.read(name)], name)),
    )
    return files.filter(({ size }) => size > 0)
  }

  async deleteSetAside(generation: number): Promise<void> {
    const setAside = this.#setAside.filter((each) => each.generation !== generation)
    this.#record(this.#current.number, setAside)
    await this.tidy()
  }

  /** Deletes the files of generations that the catalog does not name. What fails is done after the next start. */
  async tidy(): Promise<void> {
    await this.#deleteUnnamed().catch(() => undefined)
  }

  async #deleteUnnamed(): Promise<void> {
    const kept = new Set([this.#current.number, ...this.#setAside.map(({ generation }) => generation)])
    for (const name of await this.#folder.names()) {
      if (generationOf(name) > 0 && !kept.has(generationOf(name))) await this.#folder.remove(name)
    }
  }
}

/** The handles of a generation by the names under which SQLite finds them beside `name`. */
export function handlesOf(generation: Generation, name: string): ReadonlyMap<string, Handle> {
  return new Map([...generation.files].map(([suffix, file]) => [`${name}${suffix}`, file]))
}

export function fileOf({ files }: Generation, suffix: Suffix): OpenFile {
  const file = files.get(suffix)
  if (file === undefined) throw new Error(`The generation has no file ${suffix}.`)
  return file
}

async function openGeneration(folder: Folder, number: number): Promise<Generation> {
  const files = new Map<Suffix, OpenFile>()
  const generation = { number, files }
  try {
    // One after the other: of several in flight, those that arrive after a failure would never be closed.
    for (const suffix of SUFFIXES) files.set(suffix, await folder.open(`${number}.db${suffix}`))
    return generation
  } catch (error) {
    close(generation)
    throw error
  }
}

function close({ files }: Generation): void {
  for (const file of files.values()) file.close()
}

/** In a folder without a readable catalog: the newest generation, and nothing is lost of the others. */
async function found(folder: Folder): Promise<{ generation: number; setAside: SetAside[] }> {
  const numbers = [...new Set((await folder.names()).map(generationOf))].filter((number) => number > 0)
  const [generation = 1, ...others] = numbers.sort((one, other) => other - one)
  const at = new Date().toISOString()
  const reason = 'It was found beside the database, and the catalog that knew of it was damaged.'
  return { generation, setAside: others.map((each) => ({ generation: each, at, reason })) }
}

/** 0 for a file of no generation. */
function generationOf(name: string): number {
  return Number(/^([1-9]\d*)\.db(?:-journal|-wal)?$/.exec(name)?.[1] ?? 0)
}
