import { describe, expect, test } from 'vitest'
import { BufferedFile, type Handle } from './buffered-file'

/** A handle in memory that takes at most `mostPerWrite` bytes at once, and `room` in all. */
class MemoryHandle implements Handle {
  bytes = new Uint8Array(0)
  calls: string[] = []
  get written(): number[] {
    // Not the zeros that the file has grown by.
    return [...this.bytes.subarray(0, this.bytes.findLastIndex((byte) => byte !== 0) + 1)]
  }

  mostPerWrite = Infinity
  room = Infinity

  getSize(): number {
    return this.bytes.length
  }

  read(into: Uint8Array, { at }: { at: number }): number {
    const found = this.bytes.subarray(at, at + into.length)
    into.set(found)
    return found.length
  }

  write(from: Uint8Array, { at }: { at: number }): number {
    this.calls.push(`write ${from.length}@${at}`)
    const taken = from.subarray(0, Math.min(this.mostPerWrite, this.room - at))
    if (at + taken.length > this.bytes.length) {
      const grown = new Uint8Array(at + taken.length)
      grown.set(this.bytes)
      this.bytes = grown
    }
    this.bytes.set(taken, at)
    return taken.length
  }

  truncate(size: number): void {
    if (size > this.room) throw new DOMException('there is no room', 'QuotaExceededError')
    this.calls.push(`truncate ${size}`)
    const resized = new Uint8Array(size)
    resized.set(this.bytes.subarray(0, size))
    this.bytes = resized
  }

  flush(): void {
    this.calls.push('flush')
  }
}

const GROWTH = 'truncate 131072'
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

function file(): { handle: MemoryHandle; buffered: BufferedFile } {
  const handle = new MemoryHandle()
  return { handle, buffered: new BufferedFile(handle) }
}

describe('a buffered file', () => {
  test('joins adjacent writes into one', () => {
    const { handle, buffered } = file()
    buffered.write(bytes(1, 2), 0)
    buffered.write(bytes(3), 2)
    buffered.flush()
    expect(handle.calls).toEqual([GROWTH, 'write 3@0', 'flush'])
    expect(handle.written).toEqual([1, 2, 3])
  })

  test('keeps the order of writes that are not adjacent', () => {
    const { handle, buffered } = file()
    buffered.write(bytes(1, 1, 1, 1), 0)
    buffered.write(bytes(2), 1)
    buffered.write(bytes(3), 3)
    buffered.flush()
    expect(handle.written).toEqual([1, 2, 1, 3])
  })

  test('reads what was just written', () => {
    const { buffered } = file()
    buffered.write(bytes(5, 6, 7), 0)
    const into = new Uint8Array(4)
    expect(buffered.read(into, 1)).toBe(2)
    expect([...into]).toEqual([6, 7, 0, 0])
  })

  test('does not pass a read that gives nothing off as the end of the file', () => {
    const { handle, buffered } = file()
    buffered.write(bytes(1, 2), 0)
    expect(buffered.read(new Uint8Array(4), 2)).toBe(0)
    handle.read = () => 0
    expect(() => buffered.read(new Uint8Array(4), 0)).toThrow(
      expect.objectContaining({ name: 'UnknownError' }),
    )
  })

  test('knows its size before anything reached the handle', () => {
    const { handle, buffered } = file()
    buffered.write(bytes(1), 9)
    expect(buffered.size).toBe(10)
    expect(handle.written).toEqual([])
  })

  test('flushes only after everything was written', () => {
    const { handle, buffered } = file()
    buffered.write(new Uint8Array(200_000), 0)
    buffered.write(bytes(1), 200_000)
    buffered.flush()
    expect(handle.calls).toEqual(['truncate 262144', 'write 200000@0', 'write 1@200000', 'flush'])
    expect(buffered.counters).toEqual({ flushes: 1, writes: 2, bytesWritten: 200_001 })
  })

  test('goes on after a short write', () => {
    const { handle, buffered } = file()
    handle.mostPerWrite = 2
    buffered.write(bytes(1, 2, 3, 4, 5), 0)
    buffered.flush()
    expect(handle.written).toEqual([1, 2, 3, 4, 5])
  })

  test('says that there is no room when the handle takes nothing', () => {
    const { handle, buffered } = file()
    buffered.write(bytes(1, 2, 3, 4), 0)
    handle.room = 3
    expect(() => buffered.flush()).toThrow(expect.objectContaining({ name: 'QuotaExceededError' }))
  })

  test('says at the write that the file can grow no more', () => {
    const { handle, buffered } = file()
    handle.room = 200_000
    buffered.write(bytes(1), 0)
    expect(() => buffered.write(bytes(2), 131_072)).toThrow(
      expect.objectContaining({ name: 'QuotaExceededError' }),
    )
    buffered.flush()
    expect([handle.written, buffered.size]).toEqual([[1], 1])
  })

  test('ends where its last byte was written, and not where the file has grown to', () => {
    const { buffered } = file()
    buffered.write(bytes(1, 2), 0)
    expect(buffered.read(new Uint8Array(9), 1)).toBe(1)
    expect(buffered.read(new Uint8Array(9), 2)).toBe(0)
  })

  test('is on disk as a smaller file before it grows again', () => {
    const { handle, buffered } = file()
    buffered.write(bytes(1), 0)
    buffered.flush()
    buffered.truncate(0)
    handle.calls = []
    buffered.write(bytes(2), 0)
    buffered.write(bytes(3), 200_000)
    expect(handle.calls).toEqual(['flush', GROWTH, 'write 1@0', 'truncate 262144'])
    expect(buffered.counters.flushes).toBe(1)
  })

  test('grows only where it can grow as much again, while it holds room ahead', () => {
    const handle = new MemoryHandle()
    let isSpent = false
    const buffered = new BufferedFile(handle, () => !isSpent)
    handle.room = 262_143
    const tooLarge = expect.objectContaining({ name: 'QuotaExceededError' }) as unknown
    expect(() => buffered.write(bytes(1), 0)).toThrow(tooLarge)
    isSpent = true
    buffered.write(bytes(1), 0)
    expect(handle.calls).toEqual([GROWTH])
  })

  test('truncates after what was written before', () => {
    const { handle, buffered } = file()
    buffered.write(bytes(1, 2, 3, 4), 0)
    buffered.truncate(2)
    buffered.flush()
    expect(handle.written).toEqual([1, 2])
    expect(buffered.size).toBe(2)
  })

  test('is empty on disk when it was erased', () => {
    const { handle, buffered } = file()
    buffered.write(bytes(1, 2), 0)
    buffered.erase()
    expect(handle.calls).toEqual([GROWTH, 'truncate 0', 'flush'])
    expect(buffered.size).toBe(0)
  })
})
