import { useMemo, useState } from 'react'
import type { LogEntry } from '../protocol'
import { useRunState } from './use-run-state'

export interface UseJobLogsOptions {
  /** `null`: none. */
  runId: string | null
  /** Only the newest lines, so many of them. Default: all that are kept in memory, 5,000. */
  maxLogs?: number | undefined
}

export interface UseJobLogsResult {
  /** Oldest first. */
  logs: readonly LogEntry[]
  /** Shows only what is logged from now on; what was logged stays stored. */
  clearLogs: () => void
  isLoading: boolean
  /** Why the logs could not be loaded. */
  error: string | null
}

/** What a run has logged and logs. */
export function useJobLogs({ runId, maxLogs }: UseJobLogsOptions): UseJobLogsResult {
  const state = useRunState(runId)
  const [cleared, setCleared] = useState<{ runId: string; upTo: string } | null>(null)
  const upTo = cleared !== null && cleared.runId === runId ? cleared.upTo : ''
  const logs = useMemo(() => {
    // Ids grow with time.
    const shown = upTo === '' ? state.logs : state.logs.filter(({ id }) => id > upTo)
    return maxLogs === undefined || maxLogs <= 0 ? shown : shown.slice(-maxLogs)
  }, [state.logs, upTo, maxLogs])
  const newest = state.logs.at(-1)
  return {
    logs,
    clearLogs: () => {
      if (runId !== null && newest !== undefined) setCleared({ runId, upTo: newest.id })
    },
    isLoading: state.status === 'loading',
    error: state.error?.message ?? null,
  }
}
