import type { Json } from 'durably'

interface Schema {
  [key: string]: Json
}

/** Models may contain themselves. */
const DEEPEST = 8

/** An input to begin with: what the model has as defaults, and a plain value where it demands one. */
export function defaultInput(schema: Schema): Json {
  return valueFor(schema, schema, 0)
}

function valueFor(schema: Schema, root: Schema, depth: number): Json {
  if (depth > DEEPEST) return null
  if (schema.default !== undefined) return schema.default
  if (schema.const !== undefined) return schema.const
  const first = firstOf(schema.examples) ?? firstOf(schema.enum)
  if (first !== undefined) return first
  const other = otherSchema(schema, root)
  return other === null ? plainValue(schema, root, depth) : valueFor(other, root, depth + 1)
}

/** What a reference leads to, or the first of several that are allowed. */
function otherSchema(schema: Schema, root: Schema): Schema | null {
  if (typeof schema.$ref === 'string') {
    const definitions = isSchema(root.$defs) ? root.$defs : {}
    const target = definitions[schema.$ref.replace('#/$defs/', '')]
    return isSchema(target) ? target : {}
  }
  const choice = firstOf(schema.anyOf) ?? firstOf(schema.oneOf) ?? firstOf(schema.allOf)
  return isSchema(choice) ? choice : null
}

function plainValue(schema: Schema, root: Schema, depth: number): Json {
  switch (schema.type) {
    case 'object':
      return objectFor(schema, root, depth)
    case 'array':
      return []
    case 'string':
      return ''
    case 'integer':
    case 'number':
      return schema.minimum ?? 0
    case 'boolean':
      return false
    default:
      return null
  }
}

function objectFor(schema: Schema, root: Schema, depth: number): Json {
  const properties = isSchema(schema.properties) ? schema.properties : {}
  const required = Array.isArray(schema.required) ? schema.required : []
  const wanted = Object.entries(properties).flatMap(([name, about]) => {
    if (!isSchema(about) || (about.default === undefined && !required.includes(name))) return []
    return [[name, valueFor(about, root, depth + 1)] as const]
  })
  return Object.fromEntries(wanted)
}

function firstOf(value: Json | undefined): Json | undefined {
  return Array.isArray(value) ? value[0] : undefined
}

function isSchema(value: Json | undefined): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
