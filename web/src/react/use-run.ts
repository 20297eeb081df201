import { useMemo, useSyncExternalStore } from 'react'
import type { Durably } from '../client'
import type { EngineEvent } from '../protocol'
import { useDurably } from './context'
import { LiveStore } from './live-store'
import { NO_RUN, reduceRun, type RunSnapshot, type RunState } from './reducer'

/** One run with its steps and logs, kept current. `null` asks for none. */
export function useRun(runId: string | null): RunState {
  const durably = useDurably()
  const store = useMemo(() => runStore(durably, runId), [durably, runId])
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)
}

function runStore(
  durably: Durably,
  runId: string | null,
): Pick<LiveStore<RunState, RunSnapshot>, 'subscribe' | 'getSnapshot'> {
  if (runId === null) return IDLE
  return new LiveStore<RunState, RunSnapshot>(durably, {
    initial: { ...NO_RUN, status: 'loading' },
    load: (client) => loadRun(client, runId),
    reduce: (state, action) => reduceRun(state, action, runId),
    // Output and traceback are not part of events, which must stay small.
    outdates: (_state, events) => events.some((event) => endsRun(event) && event.runId === runId),
  })
}

const IDLE = { subscribe: () => () => undefined, getSnapshot: () => NO_RUN }

async function loadRun(client: Durably, runId: string): Promise<RunSnapshot> {
  const [run, steps, logs] = await Promise.all([
    client.getRun(runId),
    client.getSteps(runId),
    client.getLogs(runId),
  ])
  return { run, steps, logs }
}

function endsRun(
  event: EngineEvent,
): event is Extract<EngineEvent, { type: 'run:complete' | 'run:fail' | 'run:cancel' }> {
  return event.type === 'run:complete' || event.type === 'run:fail' || event.type === 'run:cancel'
}
