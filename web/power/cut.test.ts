import { describe, expect, test } from 'vitest'
import { SURVIVAL_NAMES, Timeline, type SurvivalName } from './cut'
import { RecordingDisk, type Image } from './disk'
import { Random } from './random'

const FILE = 'a.db'

/** What a cut leaves of a file after these operations. */
function left(work: (disk: RecordingDisk) => void, survival: SurvivalName, seed = 1): number[] {
  const disk = new RecordingDisk([FILE])
  work(disk)
  const timeline = new Timeline([FILE], disk.log)
  timeline.advanceTo(disk.log.length)
  return bytesOf(timeline.cut(survival, new Random(seed)))
}

const bytesOf = (image: Image): number[] => [...(image.get(FILE) ?? [])]
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)

function write(disk: RecordingDisk, bytes: Uint8Array, at: number): void {
  disk.handles.get(FILE)?.write(bytes, { at })
}
const flush = (disk: RecordingDisk): void => disk.handles.get(FILE)?.flush()
const truncate = (disk: RecordingDisk, size: number): void => disk.handles.get(FILE)?.truncate(size)

describe('a power cut', () => {
  test('leaves what was flushed, whatever else survives', () => {
    const work = (disk: RecordingDisk): void => {
      write(disk, filled(3, 7), 0)
      flush(disk)
    }
    for (const survival of SURVIVAL_NAMES) {
      expect(left(work, survival)).toEqual([7, 7, 7])
    }
  })

  test('takes what was not flushed, or leaves it', () => {
    const work = (disk: RecordingDisk): void => {
      write(disk, filled(2, 1), 0)
      flush(disk)
      truncate(disk, 1)
      write(disk, filled(1, 2), 3)
    }
    expect(left(work, 'none')).toEqual([1, 1])
    expect(left(work, 'all')).toEqual([1, 0, 0, 2])
    expect(left(work, 'truncations')).toEqual([1])
    expect(left(work, 'writes')).toEqual([1, 1, 0, 2])
  })

  test('tears writes at the borders of sectors', () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      const sectors = left((disk) => write(disk, filled(1024, 9), 256), 'sectors-512', seed)
      outcomes.add([0, 256, 512, 1024].map((at) => sectors[at] ?? 0).join(''))
    }
    // The pieces begin at 256, 512 and 1024; each survives on its own.
    expect([...outcomes].sort()).toEqual(['0000', '0009', '0090', '0099', '0900', '0909', '0990', '0999'])
  })

  test('may leave the later without the earlier', () => {
    const work = (disk: RecordingDisk): void => {
      write(disk, filled(1, 1), 0)
      write(disk, filled(1, 2), 1)
    }
    const outcomes = Array.from({ length: 20 }, (_, seed) => left(work, 'later', seed).join(''))
    expect(new Set(outcomes)).toEqual(new Set(['', '02', '12']))
  })

  test('is the same for the same seed', () => {
    const work = (disk: RecordingDisk): void => write(disk, filled(9000, 3), 0)
    expect(left(work, 'sectors-4096', 5)).toEqual(left(work, 'sectors-4096', 5))
  })
})

describe('a recording disk', () => {
  test('reads zeros where a file was cut off and grew again', () => {
    const disk = new RecordingDisk([FILE])
    write(disk, filled(4, 5), 0)
    truncate(disk, 1)
    write(disk, filled(1, 6), 3)
    expect(bytesOf(disk.image)).toEqual([5, 0, 0, 6])
  })
})
