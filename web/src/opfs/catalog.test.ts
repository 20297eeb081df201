import { describe, expect, test } from 'vitest'
import { SURVIVAL_NAMES, Timeline } from '../../power/cut'
import { RecordingDisk } from '../../power/disk'
import { Random } from '../../power/random'
import { Catalog, type CatalogRecord } from './catalog'
import { Content } from './content'
import { MemoryFolder } from './memory-folder'

const FILE = 'catalog'
const RECORDS: CatalogRecord[] = [1, 2, 3, 4, 5].map((generation) => ({
  generation,
  setAside: Array.from({ length: 10 * (generation % 3) }, (_, n) => ({
    generation: n,
    at: '2026-11-26T12:00:00.000Z',
    reason: 'The database file is damaged. '.repeat(generation),
  })),
}))

async function empty(): Promise<{ catalog: Catalog; folder: MemoryFolder }> {
  const folder = new MemoryFolder()
  return { catalog: new Catalog(await folder.open(FILE)), folder }
}

function handleOf(disk: RecordingDisk) {
  const handle = disk.handles.get(FILE)
  if (handle === undefined) throw new Error('the disk has no such file')
  return handle
}

describe('a catalog', () => {
  test('has no record before the first write', async () => {
    expect((await empty()).catalog.record).toBeNull()
  })

  test('has the record that was written last', async () => {
    const { catalog, folder } = await empty()
    for (const record of RECORDS) {
      catalog.write(record)
      expect(new Catalog(await folder.open(FILE)).record).toMatchObject(record)
    }
  })

  test('has the old record or the new one after a power cut at any operation', () => {
    const disk = new RecordingDisk([FILE])
    const catalog = new Catalog(handleOf(disk))
    const acknowledgedAt = RECORDS.map((record) => {
      catalog.write(record)
      return disk.log.length
    })
    const timeline = new Timeline([FILE], disk.log)
    for (let position = 0; position <= disk.log.length; position++) {
      timeline.advanceTo(position)
      const acknowledged = acknowledgedAt.filter((at) => at <= position).length
      for (const survival of SURVIVAL_NAMES) {
        for (let draw = 0; draw < (timeline.settled ? 1 : 20); draw++) {
          const left = new RecordingDisk([FILE], timeline.cut(survival, new Random(position, draw)))
          const found = new Catalog(handleOf(left)).record?.generation ?? 0
          expect([acknowledged, acknowledged + 1]).toContain(found)
        }
      }
    }
  })

  test('takes no record that a byte of was changed', () => {
    const content = new Content()
    const handle = {
      getSize: () => content.bytes.length,
      read: (into: Uint8Array, { at }: { at: number }) => content.read(into, at),
      write: (from: Uint8Array, { at }: { at: number }) => (content.write(from, at), from.length),
      truncate: (size: number) => content.resize(size),
      flush: () => undefined,
    }
    new Catalog(handle).write({ generation: 7, setAside: [] })
    const at = content.bytes.findIndex((byte) => byte !== 0)
    for (let offset = 0; content.bytes[at + offset] !== 0; offset++) {
      const before = content.bytes[at + offset] ?? 0
      content.write(Uint8Array.of(before ^ 1), at + offset)
      expect(new Catalog(handle).record).toBeNull()
      content.write(Uint8Array.of(before), at + offset)
    }
    expect(new Catalog(handle).record?.generation).toBe(7)
  })

  test('needs no more room after its first write', async () => {
    const { catalog, folder } = await empty()
    const [first, ...others] = RECORDS
    if (first !== undefined) catalog.write(first)
    const { size } = await folder.read(FILE)
    for (const record of others) catalog.write(record)
    expect((await folder.read(FILE)).size).toBe(size)
  })
})
