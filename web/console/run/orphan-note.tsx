import { useJobs } from 'durably/react'
import type { ReactNode } from 'react'

/** What became of a run whose job was renamed or removed while it waited. */
export function OrphanNote({ jobName }: { jobName: string }): ReactNode {
  const { status, jobs } = useJobs()
  if (status !== 'ready' || jobs.some(({ name }) => name === jobName)) return null
  return (
    <p role="note">
      Nothing executes this run: there is no job {jobName} any more. Cancel it, or bring a job of that name
      back.
    </p>
  )
}
