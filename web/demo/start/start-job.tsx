import { lazy, Suspense, useState, type ReactNode } from 'react'
import type { JobsState } from '../../src/react'
import { Boundary } from '../shell/boundary'
import { LoadFailure } from '../shell/load-failure'
import { ShowFailure } from '../shell/show-failure'
import { Skeleton } from '../../dashboard/skeleton'

// The form library is half of the page's code, and no form can be shown before the engine is ready.
const JobForm = lazy(async () => ({ default: (await import('./job-form')).JobForm }))

export function StartJob({ jobs: { status, jobs, error } }: { jobs: JobsState }): ReactNode {
  const [chosen, setChosen] = useState<string | null>(null)
  const job = jobs.find(({ name }) => name === chosen) ?? jobs[0]
  return (
    <section className="card" aria-labelledby="start-title" aria-busy={status === 'loading'}>
      <h2 className="card-title" id="start-title">
        Start a job
      </h2>
      {jobs.length > 1 && job !== undefined && (
        <label className="job-choice">
          <span className="label">Job</span>
          <select className="input" value={job.name} onChange={({ target }) => setChosen(target.value)}>
            {jobs.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      {status === 'loading' && <Skeleton rows={3} />}
      {status === 'ready' && jobs.length === 0 && <p className="hint">This engine knows no jobs yet.</p>}
      {error !== null && <LoadFailure what="jobs" error={error} />}
      {job !== undefined && (
        <Boundary fallback={<ShowFailure what="form" />}>
          <Suspense fallback={<Skeleton rows={3} />}>
            <JobForm key={job.name} job={job} />
          </Suspense>
        </Boundary>
      )}
    </section>
  )
}
