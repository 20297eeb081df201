import { isRunEvent } from '../events'
import type { ClientRun, EngineEvent, RunEvent } from '../protocol'
import type { LiveAction } from './live-store'
import { isOlderProgress, triggeredRun, withKnownProgresses } from './move-run'
import { isOfView, lacksValues, moveInView, STATUS_AFTER, type RunsView } from './runs-view'

export interface RunsState {
  /** Newest first; one more than a page holds, if there is one more. */
  listed: readonly ClientRun[]
  page: number
  isLoading: boolean
  /** A run was taken off this page, and another may follow that is not known yet. */
  isShort: boolean
  error: Error | null
}

export type RunsAction =
  LiveAction<readonly ClientRun[]> | { type: 'turned'; page: number } | { type: 'refreshed' }

export const NO_RUNS: RunsState = { listed: [], page: 0, isLoading: true, isShort: false, error: null }

export function reduceRuns(state: RunsState, action: RunsAction, view: RunsView): RunsState {
  switch (action.type) {
    case 'turned':
      return { ...state, page: action.page, isLoading: true }
    case 'refreshed':
      return { ...state, isLoading: true }
    case 'loaded': {
      const since = action.since.filter((event) => !isOlder(action.snapshot, event))
      const loaded: RunsState = {
        ...state,
        listed: withKnownProgresses(action.snapshot, state.listed),
        isLoading: false,
        isShort: false,
        error: null,
      }
      return since.reduce((current, event) => moveList(current, event, view), loaded)
    }
    case 'load-failed':
      return { ...state, isLoading: false, error: action.error }
    case 'heard':
      return action.events.reduce((current, event) => moveList(current, event, view), state)
  }
}

/** Whether what is shown may lack something that the event does not carry. */
export function outdatesPage(state: RunsState, event: EngineEvent, view: RunsView): boolean {
  if (state.isShort) return true
  if (!isRunEvent(event)) return false
  const known = state.listed.find(({ id }) => id === event.runId)
  const after = STATUS_AFTER[event.type]
  // Others stand on a later page when runs come, go, or change into or out of what is listed.
  if (state.page > 0 && changesPlaces(event, view)) return true
  if (known !== undefined) return lacksValues(known, event, view)
  if (state.page > 0 || after === undefined) return false
  if (view.statuses !== undefined) return isOfView(after, view)
  // The page is not full, and still here is one that it lacks.
  return event.type === 'run:leased' && state.listed.length <= view.pageSize
}

function changesPlaces(event: RunEvent, { statuses }: RunsView): boolean {
  if (event.type === 'run:trigger' || event.type === 'run:delete') return true
  return statuses !== undefined && STATUS_AFTER[event.type] !== undefined
}

function moveList(state: RunsState, event: EngineEvent, view: RunsView): RunsState {
  if (!isRunEvent(event)) return state
  const known = state.listed.find(({ id }) => id === event.runId)
  if (known === undefined) {
    return event.type === 'run:trigger' ? place(state, event.runId, triggeredRun(event), view) : state
  }
  if (event.type === 'run:delete') return place(state, known.id, null, view)
  const moved = moveInView(known, event, view)
  return moved === known ? state : place(state, known.id, moved, view)
}

/** Puts the run where it belongs, or takes it off the page. Only the first page takes in new ones. */
function place(state: RunsState, runId: string, run: ClientRun | null, view: RunsView): RunsState {
  const known = state.listed.find(({ id }) => id === runId)
  const belongs = run !== null && isOfView(run.status, view)
  if (!belongs) {
    if (known === undefined) return state
    const isShort = state.isShort || state.listed.length > view.pageSize
    return { ...state, isShort, listed: state.listed.filter((other) => other !== known) }
  }
  if (known !== undefined) {
    return { ...state, listed: state.listed.map((other) => (other === known ? run : other)) }
  }
  return state.page === 0 ? { ...state, listed: inserted(state.listed, run, view.pageSize + 1) } : state
}

/** By time, not simply in front: a replayed trigger may be older than the runs of the snapshot. */
function inserted(runs: readonly ClientRun[], run: ClientRun, most: number): readonly ClientRun[] {
  const older = runs.findIndex((other) => isOlderRun(other, run))
  const at = older === -1 ? runs.length : older
  return [...runs.slice(0, at), run, ...runs.slice(at)].slice(0, most)
}

function isOlderRun(a: ClientRun, b: ClientRun): boolean {
  return a.createdAt === b.createdAt ? a.id < b.id : a.createdAt < b.createdAt
}

function isOlder(snapshot: readonly ClientRun[], event: EngineEvent): boolean {
  const run = event.type === 'run:progress' ? snapshot.find(({ id }) => id === event.runId) : undefined
  return run !== undefined && isOlderProgress(run, event)
}
