import { DurablyError } from 'durably'

/** Why something could not be done. `issues`: the fields at fault, where the sentence does not tell all of them. */
export interface Refusal {
  message: string
  issues: readonly string[]
}

export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof DurablyError)) {
    return { message: error instanceof Error ? error.message : String(error), issues: [] }
  }
  const issues = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  return { message: error.message, issues: issues.length > 1 ? issues : [] }
}
