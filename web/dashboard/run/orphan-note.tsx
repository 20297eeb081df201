import { useJobs } from 'durably/react'
import type { ReactNode } from 'react'
import { Icon } from '../parts/icons'
import { WORDS } from '../words'

/** What became of a run whose job was renamed or removed while it waited. */
export function OrphanNote({ jobName }: { jobName: string }): ReactNode {
  const { status, jobs } = useJobs()
  if (status !== 'ready' || jobs.some(({ name }) => name === jobName)) return null
  return (
    <div className="orphan" role="note">
      <Icon name="bang" />
      <p>{WORDS.run.orphan(jobName)}</p>
    </div>
  )
}
