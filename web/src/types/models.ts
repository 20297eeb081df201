import type { Description, JobDescription, SchemaObject } from './description'
import { keyOf } from './names'

/** Schemas by their keys in `$defs`. */
export type Models = Map<string, SchemaObject>

/** Every input and output by reference. Models that write their own schema come without a name. */
export function withNamedModels(description: Description): { jobs: JobDescription[]; models: Models } {
  const models: Models = new Map(Object.entries(description.$defs))
  const named = (schema: SchemaObject, key: string): SchemaObject => {
    if (schema.$ref !== undefined) return schema
    models.set(key, schema)
    return { $ref: `#/$defs/${key}` }
  }
  const jobs = description.jobs.map((job) => ({
    ...job,
    input: named(job.input, `${job.key}_input`),
    output: job.output && named(job.output, `${job.key}_output`),
  }))
  return { jobs, models }
}

/** The models that the jobs lead to, in the order in which a reader of the jobs meets them. */
export function usedModels(jobs: JobDescription[], models: Models): Models {
  const used: Models = new Map()
  const visit = (value: unknown): void => {
    for (const { $ref } of objectsIn(value)) {
      const key = typeof $ref === 'string' ? keyOf($ref) : ''
      const schema = models.get(key)
      if (schema === undefined || used.has(key)) continue
      used.set(key, schema)
      visit(schema)
    }
  }
  for (const { input, output } of jobs) visit([input, output])
  return used
}

/**
 * The fields by which unions tell their models apart, by the models' keys. They must be given, even where the
 * models have a default for them: pydantic looks for them first.
 */
export function tagsOf(schemas: Iterable<SchemaObject>): Map<string, string[]> {
  const tags = new Map<string, string[]>()
  for (const { oneOf, discriminator } of objectsIn([...schemas])) {
    const tag = (discriminator as SchemaObject['discriminator'])?.propertyName
    if (tag === undefined || !Array.isArray(oneOf)) continue
    for (const { $ref } of objectsIn(oneOf)) {
      if (typeof $ref === 'string') tags.set(keyOf($ref), [...(tags.get(keyOf($ref)) ?? []), tag])
    }
  }
  return tags
}

function* objectsIn(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield value as Record<string, unknown>
  for (const inner of Object.values(value)) yield* objectsIn(inner)
}
