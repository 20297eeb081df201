import { useJobs } from 'durably/react'
import type { ReactNode } from 'react'
import { WORDS } from '../words'

/** What became of a run whose job was renamed or removed while it waited. */
export function OrphanNote({ jobName }: { jobName: string }): ReactNode {
  const { status, jobs } = useJobs()
  if (status !== 'ready' || jobs.some(({ name }) => name === jobName)) return null
  return (
    <p className="hint" role="note">
      {WORDS.run.orphan(jobName)}
    </p>
  )
}
