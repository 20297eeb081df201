import type { EventFilter } from '../protocol'
import { labelParameters, withQuery } from './http-routes'

/** Everything that the server tells. */
export const WIDEST = 'runs/subscribe'

export interface StreamPath {
  path: string
  isOfOneRun: boolean
}

/**
 * The narrowest stream of the server that has all that is listened for, or null if nothing is. One
 * stream for all: a browser keeps only six connections to a server that speaks HTTP/1.1, over all tabs.
 */
export function streamPath(filters: readonly EventFilter[]): StreamPath | null {
  const [first] = filters
  if (first === undefined) return null
  if (first.runId !== undefined && filters.every(({ runId }) => runId === first.runId)) {
    return { path: withQuery('subscribe', { runId: first.runId }), isOfOneRun: true }
  }
  const parameters = { jobName: jobNames(filters), ...labelParameters(commonLabels(filters)) }
  return { path: withQuery(WIDEST, parameters), isOfOneRun: false }
}

/** None, if one of them is for all jobs. */
function jobNames(filters: readonly EventFilter[]): readonly string[] {
  const names = new Set<string>()
  for (const { jobName } of filters) {
    if (jobName === undefined) return []
    for (const name of [jobName].flat()) names.add(name)
  }
  return [...names].sort()
}

function commonLabels(filters: readonly EventFilter[]): Record<string, string> {
  const [first, ...others] = filters.map(({ labels }) => Object.entries(labels ?? {}))
  const isCommon = ([name, value]: [string, string]): boolean =>
    others.every((labels) => labels.some(([n, v]) => n === name && v === value))
  return Object.fromEntries((first ?? []).filter(isCommon))
}
