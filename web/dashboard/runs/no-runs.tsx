import type { JobInfo } from 'durably'
import { useDurably, useEngineStatus } from 'durably/react'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { runAddress, triggerAddress } from '../addresses'
import { useExtras, type Extras } from '../extras'
import { useAction } from '../parts/use-action'
import { useLeadOn } from '../parts/use-lead-on'
import { WORDS } from '../words'

const SAID = WORDS.runs

interface NoRunsProps {
  jobs: readonly JobInfo[]
  extras: Extras['jobs']
}

/** Invites to the first run, with the sample of a job that has one. */
export function NoRuns({ jobs: known, extras }: NoRunsProps): ReactNode {
  const { durably } = useDurably()
  const isHere = useEngineStatus().role !== 'remote'
  const leadOn = useLeadOn()
  const { isBusy, error, perform } = useAction()
  const { jobName } = useExtras()
  const jobs = jobName === null ? known : known.filter((job) => job.name === jobName)
  const name = jobs.find((job) => extras[job.name]?.sample !== undefined)?.name
  const sample = name === undefined ? undefined : extras[name]?.sample
  const runSample = async (): Promise<void> => {
    if (name === undefined || sample === undefined) return
    const triggering = sample.load().then((input) => durably.trigger(name, input))
    await leadOn(triggering, ({ runId }) => runAddress(runId))
  }
  return (
    <div className="no-runs">
      <p>{isHere ? SAID.emptyHere : SAID.empty}</p>
      {jobName !== null && known.length > 0 && jobs.length === 0 && (
        <p role="alert">{WORDS.trigger.noSuchJob(jobName)}</p>
      )}
      {sample !== undefined && name !== undefined && (
        <button type="button" className="button" aria-disabled={isBusy} onClick={() => perform(runSample)}>
          {SAID.runSample(name)}
        </button>
      )}
      <ul className="job-links job-list">
        {jobs.map((job) => (
          <li key={job.name}>
            <Link href={triggerAddress(job.name)}>
              <b>{job.name}</b>
              {job.description !== null && <span>{job.description}</span>}
            </Link>
          </li>
        ))}
      </ul>
      {error !== null && (
        <p className="action-error" role="alert">
          {error}
        </p>
      )}
    </div>
  )
}
