import { expect, test } from 'vitest'
import { defaultInput } from './default-input'

test('takes the defaults, and plain values for what is required', () => {
  const schema = {
    type: 'object',
    properties: {
      loaves: { type: 'integer', default: 2 },
      count: { type: 'integer', minimum: 5 },
      flour: { enum: ['rye', 'wheat'] },
      note: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null },
      maybe: { type: 'string' },
      tags: { type: 'array', items: { type: 'string' } },
      isHot: { type: 'boolean' },
      name: { type: 'string' },
    },
    required: ['count', 'flour', 'tags', 'isHot', 'name'],
  }
  expect(defaultInput(schema)).toEqual({
    loaves: 2,
    count: 5,
    flour: 'rye',
    note: null,
    tags: [],
    isHot: false,
    name: '',
  })
})

test('follows references and choices', () => {
  const schema = {
    $defs: { Place: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] } },
    type: 'object',
    properties: {
      from: { $ref: '#/$defs/Place' },
      to: { anyOf: [{ $ref: '#/$defs/Place' }, { type: 'null' }] },
    },
    required: ['from', 'to'],
  }
  expect(defaultInput(schema)).toEqual({ from: { town: '' }, to: { town: '' } })
})

test('ends in models that contain themselves', () => {
  const node = { type: 'object', properties: { next: { $ref: '#/$defs/Node' } }, required: ['next'] }
  expect(JSON.stringify(defaultInput({ $defs: { Node: node }, $ref: '#/$defs/Node' }))).toContain('null')
})

test('knows nothing of a schema that says nothing', () => {
  expect(defaultInput({})).toBeNull()
})
