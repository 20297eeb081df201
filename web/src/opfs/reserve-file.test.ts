import { describe, expect, test } from 'vitest'
import type { Folder } from './folder'
import { MemoryFolder } from './memory-folder'
import { ReserveFile } from './reserve-file'

const NAME = 'reserve'

/** A folder that counts the handles that are open. */
function counted(): { folder: Folder; open: () => number } {
  const inner = new MemoryFolder()
  let open = 0
  const folder: Folder = {
    names: () => inner.names(),
    read: (name) => inner.read(name),
    remove: (name) => inner.remove(name),
    open: async (name) => {
      const file = await inner.open(name)
      open += 1
      return { ...file, close: () => void (open -= 1) }
    },
  }
  return { folder, open: () => open }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
const noRoom = expect.objectContaining({ name: 'QuotaExceededError' }) as unknown

describe('the file of the reserve', () => {
  test('closes its handle at once when it is emptied, and is there again soon', async () => {
    const { folder, open } = counted()
    const file = await ReserveFile.open(folder, NAME)
    file.truncate(1000)
    file.truncate(0)
    expect([open(), file.getSize()]).toEqual([0, 0])
    expect(() => file.truncate(1000)).toThrow(noRoom)
    expect(() => file.write(new Uint8Array(1), { at: 0 })).toThrow(noRoom)
    await turn()
    file.truncate(1000)
    expect([open(), file.getSize()]).toEqual([1, 1000])
  })

  test('gives back what it is too large by', async () => {
    const { folder, open } = counted()
    const file = await ReserveFile.open(folder, NAME)
    file.truncate(2000)
    file.truncate(1000)
    expect(open()).toBe(0)
    await turn()
    expect([open(), file.getSize()]).toEqual([1, 1000])
  })

  test('is empty when it was emptied while it was being opened', async () => {
    const { folder, open } = counted()
    const file = await ReserveFile.open(folder, NAME)
    file.truncate(2000)
    file.truncate(1000)
    file.truncate(0)
    await turn()
    await turn()
    expect([open(), file.getSize(), (await folder.read(NAME)).size]).toEqual([1, 0, 0])
  })

  test('leaves no handle behind when it is closed while it is being opened', async () => {
    const { folder, open } = counted()
    const file = await ReserveFile.open(folder, NAME)
    file.truncate(1000)
    file.truncate(0)
    file.close()
    await turn()
    expect(open()).toBe(0)
  })
})
