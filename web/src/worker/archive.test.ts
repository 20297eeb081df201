import { strToU8, zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { filesOf } from './archive'

const LONG = strToU8('durable '.repeat(1000))

function zipped(files: Parameters<typeof zipSync>[0]): ArrayBuffer {
  const packed = zipSync(files)
  return packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength) as ArrayBuffer
}

describe('the files of an archive', () => {
  const archive = zipped({
    'package/long.txt': LONG,
    'package/stored.txt': [strToU8('as it is'), { level: 0 }],
    'päckage/': new Uint8Array(0),
    'päckage/empty.py': new Uint8Array(0),
  })

  it('have their paths and sizes', () => {
    expect(filesOf(archive).map(({ path, size }) => [path, size])).toEqual([
      ['package/long.txt', LONG.length],
      ['package/stored.txt', 8],
      ['päckage/empty.py', 0],
    ])
  })

  it('are unpacked when they are read, here or beside', async () => {
    const [long, stored, empty] = filesOf(archive)
    expect(long?.read()).toEqual(LONG)
    expect(await long?.readBeside()).toEqual(LONG)
    expect(new TextDecoder().decode(stored?.read())).toBe('as it is')
    expect(new TextDecoder().decode(await stored?.readBeside())).toBe('as it is')
    expect(empty?.read()).toEqual(new Uint8Array(0))
  })

  it('are not guessed at where it is no zip, or damaged', () => {
    expect(() => filesOf(new ArrayBuffer(4))).toThrow('no zip')
    expect(() => filesOf(new TextEncoder().encode('<h1>Not found</h1>'.repeat(4)).buffer)).toThrow('no zip')
    const damaged = archive.slice(0)
    const view = new DataView(damaged)
    view.setUint8(view.getUint32(damaged.byteLength - 6, true), 0)
    expect(() => filesOf(damaged)).toThrow('damaged')
  })

  it('are refused where they are packed in another way', () => {
    const unknown = archive.slice(0)
    const view = new DataView(unknown)
    view.setUint16(view.getUint32(unknown.byteLength - 6, true) + 10, 93, true)
    expect(() => filesOf(unknown)).toThrow('package/long.txt is packed in an unknown way')
  })
})
