import type { ReactNode } from 'react'
import type { JobInfo } from '../../src'
import { useDurably } from '../../src/react'
import { SAMPLES } from '../jobs/registry'
import { useAction } from '../lib/use-action'
import { selectRun } from '../lib/use-selected-run'

/** Invites to the first run, with the sample of a job that has one. */
export function NoRuns({ jobs }: { jobs: readonly JobInfo[] }): ReactNode {
  const { durably } = useDurably()
  const { isBusy, error, perform } = useAction()
  const name = jobs.find((job) => SAMPLES[job.name] !== undefined)?.name
  const sample = name === undefined ? undefined : SAMPLES[name]
  const runSample = async (): Promise<void> => {
    if (name === undefined || sample === undefined) return
    const started = await durably.trigger(name, await sample.load())
    selectRun(started.runId)
  }
  return (
    <div className="no-runs">
      <p>Nothing has run in this browser yet. Start a job above, and it appears here.</p>
      {sample !== undefined && (
        <button type="button" className="button" aria-disabled={isBusy} onClick={() => perform(runSample)}>
          Run {name} with the sample
        </button>
      )}
      {error !== null && (
        <p className="action-error" role="alert">
          {error}
        </p>
      )}
    </div>
  )
}
