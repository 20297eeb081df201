import type { OperationName, Operations, RunFilter } from '../protocol'

export interface HttpRequest {
  method: 'GET' | 'POST' | 'DELETE'
  /** Relative to the address of the API, without a slash in front. */
  path: string
  body?: unknown
}

type Route<Name extends OperationName> = (input: Operations[Name]['in']) => HttpRequest
type Routes = { [Name in OperationName]: Route<Name> | null }

/** How each operation goes over HTTP; null for what only an engine in this browser does. */
const ROUTES: Routes = {
  jobs: () => get('jobs'),
  trigger: (body) => ({ method: 'POST', path: 'trigger', body }),
  batchTrigger: (body) => ({ method: 'POST', path: 'trigger/batch', body }),
  getRun: ({ runId, view }) => get('run', { runId, view }),
  getRuns: (filter) => get('runs', filterParameters(filter)),
  countRuns: (filter) => get('runs/count', filterParameters(filter)),
  getStats: ({ since, until, bucketMs, ...filter }) =>
    get('runs/stats', { since, until, bucketMs, ...filterParameters(filter) }),
  getEvents: ({ types, ...rest }) => get('events', { ...rest, type: types }),
  getSteps: ({ runId }) => get('steps', { runId }),
  getLogs: ({ runId }) => get('logs', { runId }),
  getRetriggers: ({ runId }) => get('retriggers', { runId }),
  cancel: ({ runId }) => ({ method: 'POST', path: withQuery('cancel', { runId }) }),
  retrigger: ({ runId }) => ({ method: 'POST', path: withQuery('retrigger', { runId }) }),
  deleteRun: ({ runId }) => ({ method: 'DELETE', path: withQuery('run', { runId }) }),
  cancelRuns: (body) => ({ method: 'POST', path: 'runs/cancel', body }),
  retriggerRuns: (body) => ({ method: 'POST', path: 'runs/retrigger', body }),
  deleteRuns: (body) => ({ method: 'POST', path: 'runs/delete', body }),
  purgeRuns: (body) => ({ method: 'POST', path: 'runs/purge', body }),
  query: null,
  storage: null,
  exportDatabase: null,
  importDatabase: null,
  clearStorage: null,
  exportSetAside: null,
  deleteSetAside: null,
}

export function routeOf<Name extends OperationName>(
  operation: Name,
  input: Operations[Name]['in'],
): HttpRequest | null {
  const route: Route<Name> | null = ROUTES[operation]
  return route === null ? null : route(input)
}

type Parameter = string | number | readonly string[] | undefined

export function withQuery(path: string, parameters: Record<string, Parameter>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of value === undefined ? [] : [value].flat()) query.append(name, String(each))
  }
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}

export function labelParameters(labels: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [`label.${name}`, value]))
}

function get(path: string, parameters: Record<string, Parameter> = {}): HttpRequest {
  return { method: 'GET', path: withQuery(path, parameters) }
}

function filterParameters({ labels, ...rest }: RunFilter): Record<string, Parameter> {
  return { ...rest, ...labelParameters(labels) }
}
