import type { ClientRun, EngineEvent, RunEvent, RunStatus } from '../protocol'
import { moveRun } from './move-run'

/** What a list shows of which runs. */
export interface RunsView {
  pageSize: number
  /** Undefined: in any. */
  statuses: readonly RunStatus[] | undefined
  /** Whether runs are shown without their inputs and outputs, which events don't carry. */
  isSummary: boolean
}

export const STATUS_AFTER: { [Type in EngineEvent['type']]?: RunStatus } = {
  'run:trigger': 'pending',
  'run:requeue': 'pending',
  'run:leased': 'leased',
  'run:complete': 'completed',
  'run:fail': 'failed',
  'run:cancel': 'cancelled',
}

const ENDS_WITH_VALUES: ReadonlySet<string> = new Set(['run:complete', 'run:fail'])

export function isOfView(status: RunStatus, { statuses }: RunsView): boolean {
  return statuses?.includes(status) ?? true
}

/** The run after the event. Where outputs are shown, it is seen to have ended together with its output or traceback. */
export function moveInView(run: ClientRun, event: RunEvent, { isSummary }: RunsView): ClientRun {
  return !isSummary && ENDS_WITH_VALUES.has(event.type) ? run : moveRun(run, event)
}

/** Whether the run after the event has inputs, outputs or tracebacks that come with the next answer. */
export function lacksValues(run: ClientRun, event: RunEvent, { isSummary }: RunsView): boolean {
  if (isSummary) return false
  if (event.type === 'run:coalesced') return true
  return run.input === undefined || (ENDS_WITH_VALUES.has(event.type) && !run.isTerminal)
}
