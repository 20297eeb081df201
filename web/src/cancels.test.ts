import { afterEach, expect, test, vi } from 'vitest'
import { Cancels } from './cancels'

afterEach(() => vi.unstubAllGlobals())

test('what the page writes is read over the same memory', () => {
  vi.stubGlobal('crossOriginIsolated', true)
  const page = Cancels.create()
  const worker = new Cancels(page.memory)
  expect([worker.isAny, worker.read()]).toEqual([false, ''])
  page.write(['a', 'b'])
  expect([worker.isAny, worker.read()]).toEqual([true, 'a\nb'])
  page.write([])
  expect([worker.isAny, worker.read()]).toEqual([false, ''])
})

test('more than there is room for is cut off', () => {
  vi.stubGlobal('crossOriginIsolated', true)
  const cancels = Cancels.create()
  cancels.write(Array.from({ length: 1000 }, (_, number) => `run-${number.toString().padStart(22, '0')}`))
  expect(cancels.read()).toHaveLength(8192)
})

test('a page that is not isolated has no such memory, and nothing is asked', () => {
  vi.stubGlobal('crossOriginIsolated', false)
  const cancels = Cancels.create()
  cancels.write(['a'])
  expect([cancels.memory, cancels.isAny, cancels.read()]).toEqual([null, false, ''])
})
