import type { JobInfo } from 'durably'
import { useEngineStatus, useJobs } from 'durably/react'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { triggerAddress } from '../addresses'
import { useExtras } from '../extras'
import { LoadFailure } from '../parts/load-failure'
import { Skeleton } from '../parts/skeleton'
import { ViewNotice } from '../parts/view-notice'
import { WORDS } from '../words'
import { TriggerForm } from './trigger-form'

const SAID = WORDS.trigger

/** The jobs, and what starts the one that is chosen. */
export function TriggerView({ jobName }: { jobName: string | null }): ReactNode {
  const { status, jobs, error } = useJobs()
  const { state } = useEngineStatus()
  const { jobName: only } = useExtras()
  const listed = only === null ? jobs : jobs.filter(({ name }) => name === only)
  const job = listed.find(({ name }) => name === jobName) ?? (jobName === null ? listed[0] : undefined)
  return (
    <div className="trigger" aria-busy={status === 'loading'}>
      <h2 className="view-title">{SAID.title}</h2>
      {status === 'loading' && <Skeleton rows={4} />}
      {error !== null && (
        <ViewNotice>
          <LoadFailure what="jobs" error={error} hasOlder={listed.length > 0} />
        </ViewNotice>
      )}
      {error === null && state === 'offline' && (
        <ViewNotice>
          <p>{SAID.serverAway}</p>
        </ViewNotice>
      )}
      {status === 'ready' && listed.length === 0 && (
        <p className="hint">{only === null ? SAID.noJobs : SAID.noSuchJob(only)}</p>
      )}
      {listed.length > 0 && (
        <div className="trigger-columns">
          <JobList jobs={listed} chosen={job?.name ?? null} />
          {job === undefined ? (
            <p className="card hint">{SAID.noSuchJob(jobName ?? '')}</p>
          ) : (
            <TriggerForm key={job.name} job={job} />
          )}
        </div>
      )}
    </div>
  )
}

/** Names alone: what the chosen one is for stands above its form. */
function JobList({ jobs, chosen }: { jobs: readonly JobInfo[]; chosen: string | null }): ReactNode {
  if (jobs.length < 2) return null
  return (
    <nav aria-label={SAID.jobs}>
      <ul className="job-list">
        {jobs.map(({ name }) => (
          <li key={name}>
            <Link href={triggerAddress(name)} aria-current={name === chosen ? 'true' : undefined}>
              <b>{name}</b>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
