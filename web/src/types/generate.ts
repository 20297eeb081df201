import { compile, type JSONSchema, type Options } from 'json-schema-to-typescript'
import { converted, documented } from './convert'
import type { Description, JobDescription, SchemaObject } from './description'
import { tagsOf, usedModels, withNamedModels } from './models'
import { typeNames, type Names } from './names'

const OPTIONS: Partial<Options> = {
  additionalProperties: false,
  bannerComment: '',
  // `[T, ...T[]]` for a list of at least one is more trouble than help: what maps over it is no such list.
  ignoreMinAndMaxItems: true,
  style: {
    semi: false,
    singleQuote: true,
    printWidth: 100,
    bracketSpacing: true,
    objectWrap: 'collapse',
    trailingComma: 'all',
  },
}

const REGISTER = `\
declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
`

/** How the file begins, by which it is known as generated. */
export const HEADER = '// Written by `durably types '

/** The TypeScript file for a job file: an interface for each model, and `Jobs` for the client to know them by. */
export async function generateTypes(description: Description): Promise<string> {
  const { jobs, models } = withNamedModels(description)
  const used = usedModels(jobs, models)
  const names = typeNames(used.keys())
  const tags = tagsOf(used.values())
  const declarations = [...used].map(([key, schema]) => {
    const required = [...(schema.required ?? []), ...(tags.get(key) ?? [])]
    return declaration(names.get(key) ?? key, documented({ ...schema, required }, names))
  })
  return [
    header(description.file),
    ...(await Promise.all(declarations)),
    await declaration('Jobs', jobsSchema(jobs, names)),
    REGISTER,
  ].join('\n')
}

// Without the import, TypeScript knows no module to declare more of until another file imports it.
function header(file: string): string {
  return `\
${HEADER}${file}\`. Changes here are lost: edit the models instead.

import type {} from 'durably'
`
}

function jobsSchema(jobs: JobDescription[], names: Names): JSONSchema {
  const properties: Record<string, JSONSchema> = {}
  for (const { key, name, description, input, output } of jobs) {
    const type = `{ input: ${nameOf(input, names)}; output: ${output ? nameOf(output, names) : 'null'} }`
    properties[name] = { tsType: type, description: description ?? '' }
    // Another job may be named like this one's variable.
    if (jobs.some((job) => job.name === key)) continue
    properties[key] = { tsType: `Jobs[${JSON.stringify(name)}]`, description: `The same as \`${name}\`.` }
  }
  return { type: 'object', properties, required: Object.keys(properties) }
}

function nameOf(reference: SchemaObject, names: Names): string {
  return String(converted(reference, names).tsType)
}

async function declaration(name: string, schema: JSONSchema): Promise<string> {
  const code = await compile({ ...schema, title: name }, name, OPTIONS)
  return code.replace(/\/\*\*\n\s*\* (.*)\n\s*\*\//g, '/** $1 */')
}
