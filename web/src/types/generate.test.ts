import { describe, expect, it } from 'vitest'
import type { Description, Schema, SchemaObject } from './description'
import { generateTypes } from './generate'
import { typeNames } from './names'

// What pydantic writes for real models is tested in tests/types; here is what models' own schema code may add.

function described(input: SchemaObject, $defs: Description['$defs'] = {}): Description {
  return {
    file: 'jobs.py',
    jobs: [{ key: 'job', name: 'job', description: null, input, output: null }],
    $defs,
  }
}

async function typeOf(schema: Schema): Promise<string | undefined> {
  const model = { type: 'object', properties: { field: schema }, required: ['field'] }
  const code = await generateTypes(described({ $ref: '#/$defs/Model' }, { Model: model }))
  return /field: (.*)/.exec(code)?.[1]
}

describe('generateTypes', () => {
  it.each<[string, Schema, string]>([
    ['anything', true, 'unknown'],
    ['nothing', false, 'never'],
    ['a union with anything', { anyOf: [{ type: 'string' }, {}] }, 'unknown'],
    ['several types', { type: ['string', 'null'] }, 'string | null'],
    ['an open object', { type: 'object' }, '{ [k: string]: unknown }'],
    ['an inline object', { type: 'object', properties: { a: { type: 'null' } } }, '{ a?: null }'],
    [
      'keys by pattern',
      { type: 'object', patternProperties: { '^x': { type: 'number' } } },
      '{ [k: string]: number }',
    ],
    ['parts', { allOf: [{ type: 'string' }, { enum: ['a', 'b'] }] }, "string & ('a' | 'b')"],
    [
      'an open tuple',
      { prefixItems: [{ const: 1 }], items: { type: 'null' }, type: 'array' },
      '[1, ...null[]]',
    ],
    ['an empty tuple', { prefixItems: [], type: 'array' }, '[]'],
    ['a missing model', { $ref: '#/$defs/Nowhere' }, 'unknown'],
  ])('makes a type of %s', async (_, schema, type) => {
    expect(await typeOf(schema)).toBe(type)
  })

  it('names an input that is no reference', async () => {
    const code = await generateTypes(described({ type: 'object', properties: {} }))
    expect(code).toContain('export type JobInput = Record<string, never>')
    expect(code).toContain('job: { input: JobInput; output: null }')
  })

  it('makes the same file of the same jobs', async () => {
    const description = described({ $ref: '#/$defs/A' }, { A: { type: 'object', properties: {} } })
    expect(await generateTypes(description)).toBe(await generateTypes(description))
  })
})

describe('typeNames', () => {
  const KEYS = [
    'Page_Item_',
    'shop__models__Item',
    'Item-Input',
    '_2D',
    'V1item',
    '___',
    'Jobs',
    'My_Model',
    'MyModel',
  ]

  it('gives each key a name of its own', () => {
    expect([...typeNames(KEYS).values()]).toEqual([
      'PageItem',
      'ShopModelsItem',
      'ItemInput',
      'Model2D',
      'V1Item',
      'Model',
      'Jobs2',
      'MyModel',
      'MyModel2',
    ])
  })

  it('gives names that the converter leaves as they are', async () => {
    const names = typeNames(KEYS)
    const properties = Object.fromEntries(KEYS.map((key) => [key, { $ref: `#/$defs/${key}` }]))
    const models = Object.fromEntries(KEYS.map((key) => [key, { type: 'object', properties: { a: true } }]))
    const code = await generateTypes(described({ type: 'object', properties }, models))
    for (const name of names.values()) expect(code).toContain(`export interface ${name} {`)
  })
})
