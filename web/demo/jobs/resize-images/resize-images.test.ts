import { describe, expect, test } from 'vitest'
import { fromBase64, toBase64 } from './base64'
import { toOriginals, toResized } from './output'
import { nameOfFile, sizeInWords, sizeToSend } from './sizes'

describe('base64', () => {
  test.each([0, 1, 2, 3, 24_575, 24_576, 24_577, 60_000])('%i bytes come back', (length) => {
    const bytes = Uint8ClampedArray.from({ length }, (_, index) => (index * 7) % 256)
    const text = toBase64(bytes)
    expect(text).toBe(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')))
    expect(fromBase64(text)).toEqual(bytes)
  })
})

describe('the size that is sent', () => {
  test.each([
    ['small pictures stay', { width: 800, height: 600 }, 1, { width: 800, height: 600 }],
    ['a long side is cut', { width: 4096, height: 1000 }, 1, { width: 2048, height: 500 }],
    ['a high side is cut', { width: 1000, height: 4096 }, 1, { width: 500, height: 2048 }],
    ['pictures share the room', { width: 2000, height: 2000 }, 4, { width: 1000, height: 1000 }],
    ['nothing vanishes', { width: 100_000, height: 1 }, 6, { width: 2048, height: 1 }],
    ['one pixel stays', { width: 1, height: 1 }, 6, { width: 1, height: 1 }],
  ])('%s', (_, size, count, expected) => {
    expect(sizeToSend(size, count)).toEqual(expected)
  })

  test('is never beyond what the job takes', () => {
    for (let side = 1; side < 9000; side += 97) {
      for (const count of [1, 2, 3, 4, 5, 6]) {
        const { width, height } = sizeToSend({ width: side, height: 9000 - side }, count)
        expect(width * height * count).toBeLessThanOrEqual(4_000_000)
        expect(Math.max(width, height)).toBeLessThanOrEqual(2048)
        expect(Math.min(width, height)).toBeGreaterThanOrEqual(1)
      }
    }
  })

  test('is told in words', () => {
    expect(sizeInWords({ width: 2048, height: 5 })).toBe('2,048 × 5 pixels')
  })
})

test.each([
  ['beach.jpg', 'beach-320.png'],
  ['beach', 'beach-320.png'],
  ['a.b.jpeg', 'a.b-320.png'],
  ['ring on nothing', 'ring on nothing-320.png'],
  ['.png', 'picture-320.png'],
])('%s is downloaded as %s', (name, expected) => {
  expect(nameOfFile(name, 320)).toBe(expected)
})

describe('what the job returned', () => {
  const image = {
    name: 'a',
    old_width: 9,
    old_height: 8,
    width: 3,
    height: 2,
    png_bytes: 70,
    png: 'iVBO',
  }

  test('is read', () => {
    const read = {
      name: 'a',
      old: { width: 9, height: 8 },
      new: { width: 3, height: 2 },
      bytes: 70,
      png: 'iVBO',
    }
    expect(toResized({ images: [image] })).toEqual([read])
  })

  test.each([
    null,
    undefined,
    [],
    'a',
    {},
    { images: 3 },
    { images: [null] },
    { images: [{ ...image, png: 1 }] },
  ])('of another job is left alone: %j', (output) => {
    expect(toResized(output)).toBeNull()
  })

  test('goes with the pixels that went in', () => {
    const input = { images: [{ pixels: 'AAAA' }, { pixels: 3 }, null] }
    expect(toOriginals(input)).toEqual(['AAAA', null, null])
    expect(toOriginals(undefined)).toEqual([])
  })
})
