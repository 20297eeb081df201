import type { JobInfo } from 'durably'
import type { JobsState } from 'durably/react'
import { useState, type ReactNode } from 'react'
import { TriggerForm } from './trigger-form'

export function JobPane({ jobs: { jobs, status, error } }: { jobs: JobsState }): ReactNode {
  const [chosen, setChosen] = useState<string | null>(null)
  const job = jobs.find(({ name }) => name === chosen) ?? jobs[0]
  return (
    <section className="card" aria-labelledby="jobs-title">
      <h2 id="jobs-title">Jobs</h2>
      {error !== null && <p role="alert">{error}</p>}
      {job === undefined && error === null && (
        <p className="quiet">{status === 'loading' ? 'Loading …' : 'The engine has no jobs.'}</p>
      )}
      {job !== undefined && <JobChoice jobs={jobs} chosen={job} choose={setChosen} />}
      {/* Each keeps what was typed. */}
      {jobs.map((each) => (
        <div key={each.name} hidden={each !== job}>
          <TriggerForm job={each} />
        </div>
      ))}
    </section>
  )
}

interface JobChoiceProps {
  jobs: readonly JobInfo[]
  chosen: JobInfo
  choose: (name: string) => void
}

function JobChoice({ jobs, chosen, choose }: JobChoiceProps): ReactNode {
  return (
    <fieldset className="jobs" aria-labelledby="jobs-title">
      {jobs.map((job) => (
        <label key={job.name}>
          <input type="radio" name="job" checked={job === chosen} onChange={() => choose(job.name)} />
          <span className="name">{job.name}</span>
        </label>
      ))}
    </fieldset>
  )
}
