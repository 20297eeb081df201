import { useEffect, useRef } from 'react'
import type { InputOf, JobName, OutputOf, RunOf } from '../job-types'
import type { RunStatus } from '../protocol'
import { toFacts, type RunFacts } from './run-result'
import { useRunState } from './use-run-state'

export interface UseJobRunOptions<Name extends JobName> {
  /** `null`: none. */
  runId: string | null
  /** The run waits or executes. Each of these is called once per run, also if it was so already. */
  onStart?: ((run: RunOf<Name>) => void) | undefined
  onComplete?: ((run: RunOf<Name>) => void) | undefined
  onFail?: ((run: RunOf<Name>) => void) | undefined
  onCancel?: ((run: RunOf<Name>) => void) | undefined
}

/** One run as it is and goes on, with its output, steps and logs. */
export function useJobRun<Name extends JobName = JobName>({
  runId,
  ...callbacks
}: UseJobRunOptions<Name>): RunFacts<InputOf<Name>, OutputOf<Name>> {
  const facts = toFacts<InputOf<Name>, OutputOf<Name>>(useRunState(runId))
  useRunCallbacks(facts.run, callbacks)
  return facts
}

type Callbacks<Name extends JobName> = Omit<UseJobRunOptions<Name>, 'runId'>

function useRunCallbacks<Name extends JobName>(run: RunOf<Name> | null, callbacks: Callbacks<Name>): void {
  const newest = useRef(callbacks)
  /** So that an effect that runs twice, or a run that is loaded anew, tells nothing twice. */
  const told = useRef(new Set<string>())
  useEffect(() => {
    newest.current = callbacks
  })
  useEffect(() => {
    if (run === null) return
    const { callback, word } = calls(newest.current, run.status)
    if (told.current.has(`${run.id} ${word}`)) return
    told.current.add(`${run.id} ${word}`)
    callback?.(run)
  }, [run])
}

function calls<Name extends JobName>(
  { onStart, onComplete, onFail, onCancel }: Callbacks<Name>,
  status: RunStatus,
): { word: string; callback: ((run: RunOf<Name>) => void) | undefined } {
  switch (status) {
    case 'pending':
    case 'leased':
      return { word: 'start', callback: onStart }
    case 'completed':
      return { word: 'complete', callback: onComplete }
    case 'failed':
      return { word: 'fail', callback: onFail }
    case 'cancelled':
      return { word: 'cancel', callback: onCancel }
  }
}
