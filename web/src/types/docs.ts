import type { Schema, SchemaObject } from './description'

const CONSTRAINTS = [
  'minimum',
  'exclusiveMinimum',
  'maximum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'uniqueItems',
]

/** The text of a JSDoc comment: the description, then what the type can't say. It may be empty. */
export function docsOf(schema: SchemaObject, isOptional: boolean): string {
  const value = withoutNull(schema)
  const formats = [...new Set(formatsIn(schema))]
  const tags = formats.length > 0 ? [tag('format', formats.join(' | '))] : []
  // The length of a tuple is in its type.
  const constraints = value.prefixItems === undefined ? CONSTRAINTS : []
  for (const keyword of constraints) if (keyword in value) tags.push(tag(keyword, value[keyword]))
  // An output has all its fields.
  if (isOptional && 'default' in schema) tags.push(`@default ${JSON.stringify(schema.default)}`)
  return [schema.description ?? '', tags.join('\n')].filter((part) => part !== '').join('\n\n')
}

function tag(name: string, value: unknown): string {
  return value === true ? `@${name}` : `@${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`
}

/** What is constrained in `X | null`. */
function withoutNull(schema: SchemaObject): SchemaObject {
  const [only, ...others] = (schema.anyOf ?? []).filter((branch) => !isNull(branch))
  return typeof only === 'object' && others.length === 0 ? only : schema
}

function isNull(schema: Schema): boolean {
  return typeof schema === 'object' && schema.type === 'null'
}

/** The formats of the texts in a value, wherever in it they are. */
function formatsIn(schema: Schema | undefined): string[] {
  if (typeof schema !== 'object') return []
  const { format, anyOf = [], oneOf = [], prefixItems = [], items, additionalProperties } = schema
  const inner = [...anyOf, ...oneOf, ...prefixItems, items, additionalProperties].flatMap(formatsIn)
  return format !== undefined && schema.type === 'string' ? [format, ...inner] : inner
}
