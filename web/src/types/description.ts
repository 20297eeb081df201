/** What `python -m spa_runtime describe` prints about a job file. */
export interface Description {
  /** The job file's name. */
  file: string
  jobs: JobDescription[]
  $defs: Record<string, SchemaObject>
}

export interface JobDescription {
  /** The variable that holds the job. */
  key: string
  name: string
  description: string | null
  input: SchemaObject
  output: SchemaObject | null
}

/** JSON Schema, as far as pydantic writes it. */
export type Schema = boolean | SchemaObject

export interface SchemaObject {
  $ref?: string
  type?: string | string[]
  description?: string
  default?: unknown
  deprecated?: boolean
  format?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  discriminator?: { propertyName: string }
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema
  patternProperties?: Record<string, Schema>
  items?: Schema
  prefixItems?: Schema[]
  minItems?: number
  [keyword: string]: unknown
}
