import type { ClientRun, Json, Step } from 'durably'
import { keyOf, type Outcome } from './notes'

/** What the job `sync-notes` returned, or null for the output of another job with that name. */
export function toOutcomes(output: Json | undefined): Outcome[] | null {
  const { pushed, refused } = fieldsOf(output)
  if (!Array.isArray(pushed) || !Array.isArray(refused)) return null
  const outcomes = [...pushed, ...refused].map(toOutcome)
  return outcomes.every((outcome) => outcome !== null) ? outcomes : null
}

/** What the finished steps of a run tell, also of one that goes on or has failed. */
export function outcomesOf(steps: readonly Step[]): Outcome[] {
  return steps.map(({ output }) => toOutcome(output)).filter((outcome) => outcome !== null)
}

/** Which versions of which notes a run is to send. */
export function sentBy({ input }: ClientRun): string[] {
  const { changes } = fieldsOf(input)
  if (!Array.isArray(changes)) return []
  return changes.flatMap((change) => {
    const { id, version } = fieldsOf(change)
    return typeof id === 'string' && typeof version === 'number' ? [keyOf({ id, version })] : []
  })
}

function toOutcome(value: Json): Outcome | null {
  const { kind, id, version, words, deleted, revision, reason } = fieldsOf(value)
  if (typeof id !== 'string' || typeof version !== 'number' || typeof words !== 'string') return null
  if (kind === 'pushed' && typeof deleted === 'boolean') {
    return { kind, id, version, words, deleted, revision: typeof revision === 'string' ? revision : null }
  }
  return kind === 'refused' && typeof reason === 'string' ? { kind, id, version, words, reason } : null
}

function fieldsOf(value: Json | undefined): Partial<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}
