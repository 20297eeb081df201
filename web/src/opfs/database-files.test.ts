import { describe, expect, test } from 'vitest'
import { copyDatabase, fillFile } from './copy'
import { DatabaseFiles, fileOf } from './database-files'
import type { Folder, OpenFile } from './folder'
import { MemoryFolder } from './memory-folder'

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

const fail = (error: unknown): never => {
  throw error instanceof Error ? error : new Error(String(error))
}

function write(files: DatabaseFiles, text: string): void {
  files.database.write(bytes(text), { at: 0 })
  files.database.flush()
}

function content(files: DatabaseFiles): string {
  const into = new Uint8Array(files.database.getSize())
  files.database.read(into, { at: 0 })
  return new TextDecoder().decode(into)
}

async function setAsideContents(files: DatabaseFiles): Promise<string[]> {
  const listed = await files.listSetAside()
  const contents = listed.map(
    async ({ generation }) => (await files.readSetAside(generation))[0]?.text() ?? '',
  )
  return await Promise.all(contents)
}

async function bring(files: DatabaseFiles, text: string): Promise<void> {
  const incoming = await files.begin()
  await fillFile(fileOf(incoming, ''), new Blob([text]))
  await files.adopt(incoming)
}

/** A folder in which the n-th operation, from 1, and all that follow are those of a worker that is dead. */
class DyingFolder implements Folder {
  operations = 0
  readonly #folder: Folder
  readonly #last: number

  constructor(folder: Folder, last: number) {
    this.#folder = folder
    this.#last = last
  }

  #live(): void {
    this.operations += 1
    if (this.operations > this.#last) throw new Error('the worker is dead')
  }

  async open(name: string): Promise<OpenFile> {
    this.#live()
    const file = await this.#folder.open(name)
    const alive = <Arguments extends unknown[], Result>(work: (...args: Arguments) => Result) => {
      return (...args: Arguments): Result => {
        this.#live()
        return work(...args)
      }
    }
    return {
      ...file,
      write: alive((from: Uint8Array, options: { at: number }) => file.write(from, options)),
      truncate: alive((size: number) => file.truncate(size)),
      flush: alive(() => file.flush()),
    }
  }

  async names(): Promise<string[]> {
    this.#live()
    return await this.#folder.names()
  }

  async read(name: string): Promise<Blob> {
    this.#live()
    return await this.#folder.read(name)
  }

  async remove(name: string): Promise<void> {
    this.#live()
    await this.#folder.remove(name)
  }
}

/** Lives `work` on a database that holds `old`, dies at every operation of it, and opens what is left. */
async function dieEverywhere(
  work: (files: DatabaseFiles) => Promise<void>,
  check: (files: DatabaseFiles, isDone: boolean, folder: MemoryFolder) => Promise<void>,
): Promise<number> {
  for (let last = 0; ; last++) {
    const folder = new MemoryFolder()
    write(await DatabaseFiles.open(folder, fail), 'old')
    const dying = new DyingFolder(folder, last)
    let isDone = true
    try {
      await work(await DatabaseFiles.open(dying, fail))
    } catch {
      isDone = false
    }
    await check(await DatabaseFiles.open(folder, fail), isDone, folder)
    if (isDone) return dying.operations
  }
}

describe('the files of a database', () => {
  test('are there again when they are opened again', async () => {
    const folder = new MemoryFolder()
    write(await DatabaseFiles.open(folder, fail), 'kept')
    expect(content(await DatabaseFiles.open(folder, fail))).toBe('kept')
  })

  test('have the names that SQLite looks for', async () => {
    const files = await DatabaseFiles.open(new MemoryFolder(), fail)
    expect([...files.handles('main.db').keys()]).toEqual([
      'main.db',
      'main.db-journal',
      'main.db-wal',
      'main.db-reserve',
    ])
  })

  test('are replaced as a whole, whenever the worker dies', async () => {
    const operations = await dieEverywhere(
      (files) => bring(files, 'new'),
      async (files, isDone) => {
        expect(isDone ? ['new'] : ['old', 'new']).toContain(content(files))
        expect(await setAsideContents(files)).toEqual([])
      },
    )
    expect(operations).toBeGreaterThan(10)
  })

  test('are set aside and never lost, whenever the worker dies', async () => {
    await dieEverywhere(
      (files) => files.setAside('damaged'),
      async (files, isDone) => {
        const found = [content(files), ...(await setAsideContents(files))]
        expect(found.filter((each) => each !== '')).toEqual(['old'])
        if (isDone) expect(content(files)).toBe('')
      },
    )
  })

  test('are deleted with all that was set aside, or not at all', async () => {
    await dieEverywhere(
      async (files) => {
        await files.setAside('damaged')
        write(files, 'second')
        await files.clear()
      },
      async (files, isDone) => {
        const found = [content(files), ...(await setAsideContents(files))].filter((each) => each !== '')
        expect([['old'], ['second', 'old'], []]).toContainEqual(found)
        if (isDone) expect(found).toEqual([])
      },
    )
  })

  test('leave nothing behind once they are tidied', async () => {
    await dieEverywhere(
      (files) => bring(files, 'new'),
      async (files, _isDone, folder) => {
        await files.tidy()
        const names = (await folder.names()).sort()
        const [generation] = names[0]?.split('.') ?? []
        expect(names).toEqual([
          `${generation}.db`,
          `${generation}.db-journal`,
          `${generation}.db-wal`,
          'catalog',
          'reserve',
        ])
      },
    )
  })

  test('that were not adopted are gone', async () => {
    const folder = new MemoryFolder()
    const files = await DatabaseFiles.open(folder, fail)
    const before = await folder.names()
    await files.discard(await files.begin())
    expect(await folder.names()).toEqual(before)
  })

  test('are all kept when it is not known which of them the catalog names', async () => {
    const folder = new MemoryFolder()
    let isFailing = false
    const failing: Folder = {
      names: () => folder.names(),
      read: (name) => folder.read(name),
      remove: (name) => folder.remove(name),
      open: async (name) => {
        const file = await folder.open(name)
        const flush = (): void => {
          if (isFailing && name === 'catalog') throw new Error('the flush failed')
          file.flush()
        }
        return { ...file, flush }
      },
    }
    const fatal: unknown[] = []
    const files = await DatabaseFiles.open(failing, (error) => fatal.push(error))
    write(files, 'old')
    isFailing = true
    await expect(bring(files, 'new')).rejects.toThrow('the flush failed')
    expect(fatal).toHaveLength(1)
    expect(await folder.names()).toEqual(expect.arrayContaining(['1.db', '2.db']))
    // The record was written, though not flushed: the next worker may find it, and what it names is there.
    expect(content(await DatabaseFiles.open(folder, fail))).toBe('new')
  })

  test('set aside can be had and deleted one by one', async () => {
    const files = await DatabaseFiles.open(new MemoryFolder(), fail)
    for (const text of ['first', 'second']) {
      write(files, text)
      await files.setAside(`${text} reason`)
    }
    const [first, second] = await files.listSetAside()
    expect([first, second]).toMatchObject([
      { generation: 1, reason: 'first reason', bytes: 5 },
      { generation: 2, reason: 'second reason', bytes: 6 },
    ])
    await files.deleteSetAside(1)
    expect(await setAsideContents(files)).toEqual(['second'])
    expect(await files.readSetAside(1)).toEqual([])
    expect(await files.readSetAside(3)).toEqual([]) // the database itself
  })

  test('are all kept where the catalog can not be read', async () => {
    const folder = new MemoryFolder()
    const files = await DatabaseFiles.open(folder, fail)
    write(files, 'old')
    await files.setAside('damaged')
    write(files, 'new')
    const catalog = await folder.open('catalog')
    catalog.write(new Uint8Array(catalog.getSize()).fill(1), { at: 0 })
    const again = await DatabaseFiles.open(folder, fail)
    expect(content(again)).toBe('new')
    await again.tidy()
    expect(await setAsideContents(again)).toEqual(['old'])
  })

  test('are closed when one of them can not be opened', async () => {
    const folder = new MemoryFolder()
    const open: string[] = []
    const counting: Folder = {
      names: () => folder.names(),
      read: (name) => folder.read(name),
      remove: (name) => folder.remove(name),
      open: async (name) => {
        if (name.endsWith('-wal')) throw new Error('held')
        const file = await folder.open(name)
        open.push(name)
        return { ...file, close: () => void open.splice(open.indexOf(name), 1) }
      },
    }
    await expect(DatabaseFiles.open(counting, fail)).rejects.toThrow('held')
    expect(open).toEqual([])
  })
})

describe('a copy of a database', () => {
  test('has the pages that the header tells of, and needs no WAL', async () => {
    const file = await new MemoryFolder().open('1.db')
    const header = new Uint8Array(512)
    header.set(bytes('SQLite format 3\0'))
    const view = new DataView(header.buffer)
    view.setUint16(16, 512)
    header[18] = header[19] = 2
    view.setUint32(24, 9)
    view.setUint32(28, 3)
    view.setUint32(92, 9)
    file.write(header, { at: 0 })
    file.truncate(131_072)
    const copy = new Uint8Array(await copyDatabase(file).arrayBuffer())
    expect([copy.length, copy[18], copy[19]]).toEqual([3 * 512, 1, 1])
  })
})
