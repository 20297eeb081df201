import { expect, test } from 'vitest'
import { NO_OPTIONS, optionsOf } from './options'

test('leaves out what was not filled in', () => {
  expect(optionsOf(NO_OPTIONS)).toEqual({})
  expect(optionsOf({ ...NO_OPTIONS, coalesce: 'skip', idempotencyKey: ' ' })).toEqual({})
})

test('takes keys and labels as they are typed', () => {
  const typed = {
    labels: 'tenant: acme, plan=pro,note:a:b,',
    idempotencyKey: ' order-7 ',
    concurrencyKey: 'user-1',
    coalesce: 'queue' as const,
  }
  expect(optionsOf(typed)).toEqual({
    labels: { tenant: 'acme', plan: 'pro', note: 'a:b' },
    idempotencyKey: 'order-7',
    concurrencyKey: 'user-1',
    coalesce: 'queue',
  })
})

test.each(['acme', ':acme', 'tenant:acme, x'])('refuses %o, and names what is wrong', (labels) => {
  expect(() => optionsOf({ ...NO_OPTIONS, labels })).toThrow('is no label')
})
