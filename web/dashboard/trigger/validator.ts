import type { RJSFSchema, ValidatorType } from '@rjsf/utils'
import type { Draft } from './use-trigger'

/**
 * Accepts every form: Python is the judge. It only tells types apart, by which the form library
 * finds the option of a union that a value belongs to. No generated code: none of the usual
 * validators works under a content security policy without `unsafe-eval`.
 */
export const VALIDATOR: ValidatorType<Draft> = {
  validateFormData: () => ({ errors: [], errorSchema: {} }),
  rawValidation: () => ({ errors: [] }),
  isValid: (schema, data) => matches(schema, data),
}

function matches(schema: RJSFSchema, data: unknown): boolean {
  if (schema.const !== undefined && schema.const !== data) return false
  if (schema.type === undefined || data === undefined) return true
  const types = Array.isArray(schema.type) ? schema.type : [schema.type]
  if (!types.some((type) => hasType(type, data))) return false
  if (!isRecord(data)) return true
  return (
    (schema.required ?? []).every((key) => data[key] !== undefined) &&
    Object.entries(schema.properties ?? {}).every(
      ([key, property]) => typeof property === 'boolean' || matches(property, data[key]),
    )
  )
}

function hasType(type: string, data: unknown): boolean {
  switch (type) {
    case 'null':
      return data === null
    case 'array':
      return Array.isArray(data)
    case 'object':
      return isRecord(data)
    case 'integer':
      return Number.isInteger(data)
    default:
      return typeof data === type
  }
}

function isRecord(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}
