import type { JobInfo } from 'durably'
import type { JobsState } from 'durably/react'
import { useState, type ReactNode } from 'react'
import { TriggerForm } from './trigger-form'

interface JobPaneProps {
  jobs: JobsState
  /** No other job is offered. */
  only: string | undefined
}

export function JobPane({ jobs: { jobs: all, status, error }, only }: JobPaneProps): ReactNode {
  const [chosen, setChosen] = useState<string | null>(null)
  const jobs = only === undefined ? all : all.filter(({ name }) => name === only)
  const job = jobs.find(({ name }) => name === chosen) ?? jobs[0]
  return (
    <section className="card" aria-labelledby="jobs-title">
      <h2 id="jobs-title" className={only === undefined ? undefined : 'name'}>
        {only ?? 'Jobs'}
      </h2>
      {error !== null && <p role="alert">{error}</p>}
      {job === undefined && error === null && (
        <p className="quiet">{status === 'loading' ? 'Loading …' : wordsWithout(only)}</p>
      )}
      {job !== undefined && only === undefined && <JobChoice jobs={jobs} chosen={job} choose={setChosen} />}
      {/* Each keeps what was typed. */}
      {jobs.map((each) => (
        <div key={each.name} hidden={each !== job}>
          <TriggerForm job={each} />
        </div>
      ))}
    </section>
  )
}

function wordsWithout(only: string | undefined): string {
  return only === undefined ? 'The engine has no jobs.' : 'The engine has no such job.'
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
