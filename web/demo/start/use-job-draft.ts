import { useState } from 'react'
import { DurablyError, type Issue, type JobInfo } from '../../src'
import { useDurably } from '../../src/react'
import { SAMPLES } from '../jobs/registry'
import { selectRun } from '../lib/use-selected-run'
import { shortId } from '../../dashboard/format'
import { isAtField, summarize } from './form-errors'

/** The input as far as it is filled in: anything, until Python has judged it. */
export type Draft = Record<string, unknown>

export interface Outcome {
  kind: 'none' | 'started' | 'rejected'
  sentence: string
  issues: readonly Issue[]
}

const NO_OUTCOME: Outcome = { kind: 'none', sentence: '', issues: [] }

/** What somebody fills in to start a job, and what came of it. The draft survives a rejection. */
export function useJobDraft(job: JobInfo) {
  const { durably } = useDurably()
  const [data, setData] = useState<Draft>({})
  const [outcome, setOutcome] = useState(NO_OUTCOME)
  const [isBusy, setIsBusy] = useState(false)

  const attempt = async (work: () => Promise<Outcome>): Promise<void> => {
    if (isBusy) return
    setIsBusy(true)
    try {
      setOutcome(await work())
    } catch (error) {
      setOutcome(rejectedBy(error))
    } finally {
      setIsBusy(false)
    }
  }

  return {
    data,
    outcome,
    isBusy,
    change: (changed: Draft, fieldId: string | undefined) => {
      setData(changed)
      // What was said about a field says nothing about its new value.
      if (fieldId !== undefined) setOutcome((said) => withoutField(said, fieldId))
    },
    loadSample: () =>
      attempt(async () => {
        const sample = await SAMPLES[job.name]?.load()
        setData((before) => ({ ...before, ...sample }))
        return NO_OUTCOME
      }),
    start: (input: Draft) =>
      attempt(async () => {
        const started = await durably.trigger(job.name, input)
        selectRun(started.runId)
        return { kind: 'started', sentence: `Run ${shortId(started.runId)} was started.`, issues: [] }
      }),
  }
}

function rejectedBy(error: unknown): Outcome {
  const message = error instanceof Error ? error.message : String(error)
  const issues = error instanceof DurablyError ? error.issues : []
  return { kind: 'rejected', sentence: summarize(issues, message), issues }
}

function withoutField(outcome: Outcome, fieldId: string): Outcome {
  const issues = outcome.issues.filter((issue) => !isAtField(issue, fieldId))
  return issues.length === outcome.issues.length ? outcome : { ...outcome, issues }
}
