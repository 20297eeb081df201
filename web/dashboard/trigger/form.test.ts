import { expect, test } from 'vitest'
import type { JobInfo, Json } from 'durably'
import { isAtField, summarize, toErrorSchema } from './form-errors'
import { toFormSchema } from './form-schema'
import { decodedSize } from './read-file'

function job(properties: Record<string, Json>): JobInfo {
  return {
    name: 'job',
    keys: [],
    description: null,
    inputSchema: { type: 'object', title: 'Input', properties },
    outputSchema: null,
  }
}

test('shows an optional value as a field that may stay empty', () => {
  const limit = { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }], default: null, title: 'Limit' }
  expect(toFormSchema(job({ limit })).properties).toEqual({
    limit: { type: 'integer', minimum: 1, title: 'Limit' },
  })
})

test('keeps a choice of types and names each of them', () => {
  const when = { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'integer' }] }
  expect(toFormSchema(job({ when })).properties?.when).toMatchObject({
    anyOf: [{ title: 'Date time' }, { title: 'Integer' }],
  })
})

test('writes made titles as sentences and keeps written ones', () => {
  const properties = { pause_ms: { title: 'Pause Ms' }, note: { title: 'What to say' } }
  expect(toFormSchema(job(properties)).properties).toMatchObject({
    pause_ms: { title: 'Pause ms' },
    note: { title: 'What to say' },
  })
})

test('puts each fault at its field', () => {
  const issues = [
    { path: ['items', 0, 'name'], message: 'Field required' },
    { path: [], message: 'Choose one.' },
  ]
  expect(toErrorSchema(issues)).toEqual({
    __errors: ['Choose one.'],
    items: { 0: { name: { __errors: ['Field required'] } } },
  })
})

test('sums up one fault by name and several by number', () => {
  const issue = { path: ['pause_ms'], message: 'Input should be greater than 0' }
  expect(summarize([issue], '')).toBe('The job was not started. Pause ms: Input should be greater than 0.')
  expect(summarize([issue, issue], '')).toBe('The job was not started: 2 values cannot be used.')
  expect(summarize([], 'The engine stopped.')).toBe('The engine stopped.')
})

test('knows which field a fault belongs to', () => {
  const issue = { path: ['file', 'name'], message: '' }
  expect([isAtField(issue, 'root_file'), isAtField(issue, 'root_fi')]).toEqual([true, false])
})

test('tells the size of a file from its base64', () => {
  expect(['', 'YQ==', 'YWI=', 'YWJj'].map(decodedSize)).toEqual([0, 1, 2, 3])
})
