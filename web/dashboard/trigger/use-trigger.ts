import { DurablyError, type Issue, type JobInfo, type TriggerOptions } from 'durably'
import { useDurably } from 'durably/react'
import { useState } from 'react'
import { runAddress } from '../addresses'
import type { Sample, StartProps } from '../extras'
import { shortId } from '../format'
import { useLeadOn } from '../parts/use-lead-on'
import { WORDS } from '../words'
import { isAtField, summarize } from './form-errors'
import { NO_OPTIONS, optionsOf, type OptionDraft } from './options'

/** The input as far as it is filled in: anything, until Python has judged it. */
export type Draft = Record<string, unknown>

export interface Outcome {
  kind: 'none' | 'started' | 'rejected'
  sentence: string
  issues: readonly Issue[]
}

export interface Trigger {
  draft: Draft
  options: OptionDraft
  outcome: Outcome
  isBusy: boolean
  /** What was started waits for an engine that is still on its way. */
  isKept: boolean
  setOptions: (options: OptionDraft) => void
  /** `fieldId`: the field that was changed, if it is known. */
  change: (draft: Draft, fieldId: string | undefined) => void
  loadSample: (sample: Sample) => Promise<void>
  start: (input: unknown) => Promise<void>
  startWith: StartProps['start']
}

const NO_OUTCOME: Outcome = { kind: 'none', sentence: '', issues: [] }

/** What somebody fills in to start a job, and what came of it. The draft survives a rejection. */
export function useTrigger(job: JobInfo): Trigger {
  const { durably } = useDurably()
  const leadOn = useLeadOn()
  const [draft, setDraft] = useState<Draft>({})
  const [options, setOptions] = useState(NO_OPTIONS)
  const [outcome, setOutcome] = useState(NO_OUTCOME)
  const [isBusy, setIsBusy] = useState(false)
  const [isKept, setIsKept] = useState(false)

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
  const trigger = async (input: unknown, chosen: TriggerOptions, stay = false): Promise<string> => {
    setIsKept(durably.status.state === 'starting')
    try {
      const triggering = durably.trigger(job.name, input, chosen)
      const { runId } = await (stay ? triggering : leadOn(triggering, ({ runId }) => runAddress(runId)))
      return runId
    } finally {
      setIsKept(false)
    }
  }

  return {
    draft,
    options,
    outcome,
    isBusy,
    isKept,
    setOptions,
    change: (changed, fieldId) => {
      setDraft(changed)
      // What was said about a field says nothing about its new value.
      setOutcome((said) => (fieldId === undefined ? said : withoutField(said, fieldId)))
    },
    loadSample: (sample) =>
      attempt(async () => {
        const input = await sample.load()
        setDraft((before) => ({ ...before, ...input }))
        return NO_OUTCOME
      }),
    start: (input) =>
      attempt(async () => {
        const runId = await trigger(input, optionsOf(options))
        return { kind: 'started', sentence: WORDS.trigger.started(shortId(runId)), issues: [] }
      }),
    startWith: (input, { stay, ...chosen } = {}) => trigger(input, chosen, stay),
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
