import type { RJSFSchema } from '@rjsf/utils'
import type { JobInfo, Json } from 'durably'
import { sentenceCase } from '../format'

type JsonObject = Record<string, Json>

/** The schema as a form shows it best. Python validates against the one it made. */
export function toFormSchema({ inputSchema }: JobInfo): RJSFSchema {
  const schema = toFormNode(inputSchema)
  delete schema.title
  delete schema.description
  return schema
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function toFormNode(node: JsonObject): JsonObject {
  const entries = Object.entries(withoutNull(node)).map(([key, value]): [string, Json] => {
    if (key === 'properties' && isObject(value)) return [key, toFormProperties(value)]
    if (key === '$defs' && isObject(value)) return [key, mapValues(value, toFormValue)]
    if ((key === 'anyOf' || key === 'oneOf') && Array.isArray(value)) return [key, value.map(toOption)]
    if (key === 'default' || key === 'const' || key === 'enum' || key === 'examples') return [key, value]
    return [key, toFormValue(value)]
  })
  return Object.fromEntries(entries)
}

function toFormValue(value: Json): Json {
  if (Array.isArray(value)) return value.map(toFormValue)
  return isObject(value) ? toFormNode(value) : value
}

function toFormProperties(properties: JsonObject): JsonObject {
  return mapValues(properties, (value, name) => {
    const property = toFormValue(value)
    return isObject(property) ? { ...property, title: titleOf(property, name) } : property
  })
}

/** Pydantic makes "Pause Ms" of `pause_ms`; a title that somebody wrote stays. */
function titleOf({ title }: JsonObject, name: string): string {
  const isWritten =
    typeof title === 'string' && title.toLowerCase() !== name.replaceAll('_', ' ').toLowerCase()
  return isWritten ? title : sentenceCase(name)
}

/** The choice between types needs a name for each of them. */
function toOption(value: Json): Json {
  const option = toFormValue(value)
  if (!isObject(option) || option.title !== undefined) return option
  const kind = option.format ?? option.type
  return typeof kind === 'string' ? { ...option, title: sentenceCase(kind) } : option
}

/** An optional value is the field left empty, not a choice between a value and "null". */
function withoutNull(node: JsonObject): JsonObject {
  const { anyOf, ...rest } = node
  if (!Array.isArray(anyOf) || rest.default !== null) return node
  const others = anyOf.filter((option) => !isObject(option) || option.type !== 'null')
  const [only] = others
  if (others.length === anyOf.length) return node
  delete rest.default
  return others.length === 1 && isObject(only) ? { ...only, ...rest } : { ...rest, anyOf: others }
}

function mapValues(object: JsonObject, map: (value: Json, key: string) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]))
}
