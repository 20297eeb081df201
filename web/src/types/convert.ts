import type { JSONSchema } from 'json-schema-to-typescript'
import type { Schema, SchemaObject } from './description'
import { docsOf } from './docs'
import { keyOf, type Names } from './names'

/**
 * pydantic's schema of a model, as the converter reads it best. Only what makes a type is kept: a title would
 * become a type of its own, and a reference is the name of the other type.
 */
export function converted(schema: Schema, names: Names): JSONSchema {
  if (isAnything(schema)) return { type: 'any' }
  if (typeof schema === 'boolean') return { tsType: 'never' }
  if (schema.$ref !== undefined) return { tsType: names.get(keyOf(schema.$ref)) ?? 'unknown' }
  if ('const' in schema) return { enum: [schema.const] } as JSONSchema
  if (schema.enum !== undefined) return { enum: schema.enum } as JSONSchema
  const branches = branchesOf(schema)
  if (branches !== undefined) return { anyOf: branches.map((branch) => converted(branch, names)) }
  if (schema.allOf !== undefined) return { allOf: schema.allOf.map((part) => converted(part, names)) }
  if (schema.type === 'array') return array(schema, names)
  if (schema.type === 'object') return object(schema, names)
  return { type: schema.type } as JSONSchema
}

/** The same with a comment, for what has a line or a declaration of its own. */
export function documented(schema: Schema, names: Names, isOptional = false): JSONSchema {
  if (typeof schema === 'boolean') return converted(schema, names)
  const deprecated = schema.deprecated === true
  return {
    ...converted(schema, names),
    description: docsOf(schema, isOptional),
    ...(deprecated && { deprecated }),
  }
}

function isAnything(schema: Schema): boolean {
  if (typeof schema === 'boolean') return schema
  const branches = branchesOf(schema)
  if (branches !== undefined) return branches.some(isAnything)
  return !['$ref', 'const', 'enum', 'allOf', 'type'].some((keyword) => keyword in schema)
}

function branchesOf(schema: SchemaObject): Schema[] | undefined {
  if (Array.isArray(schema.type)) return schema.type.map((type) => ({ ...schema, type }))
  return schema.anyOf ?? schema.oneOf
}

function array(schema: SchemaObject, names: Names): JSONSchema {
  const { prefixItems, items = true, minItems = prefixItems?.length ?? 0 } = schema
  if (prefixItems === undefined) return { type: 'array', items: converted(items, names) }
  const all = prefixItems.map((item) => converted(item, names))
  if (schema.items !== undefined)
    return { type: 'array', items: all, additionalItems: converted(items, names) }
  const lengths = Array.from({ length: all.length - minItems + 1 }, (_, more) => minItems + more)
  return { anyOf: lengths.map((length) => ({ type: 'array', items: all.slice(0, length) })) }
}

function object(schema: SchemaObject, names: Names): JSONSchema {
  const { properties = {}, required = [] } = schema
  const others = otherProperties(schema)
  // An empty interface would take anything.
  if (others === false && Object.keys(properties).length === 0) return { tsType: 'Record<string, never>' }
  return {
    type: 'object',
    properties: mapped(properties, (property, key) => documented(property, names, !required.includes(key))),
    required,
    additionalProperties: typeof others === 'object' ? converted(others, names) : others,
  }
}

function otherProperties(schema: SchemaObject): Schema {
  const patterns = Object.values(schema.patternProperties ?? {})
  if (patterns.length > 0) return { anyOf: patterns }
  return schema.additionalProperties ?? schema.properties === undefined
}

function mapped<T, U>(record: Record<string, T>, map: (value: T, key: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]))
}
