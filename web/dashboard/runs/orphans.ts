import type { ClientRun } from 'durably'
import type { JobsState } from 'durably/react'

/** The jobs that there are; null until the engine has said so: no run is an orphan before. */
export type KnownJobs = ReadonlySet<string> | null

export function knownJobs({ status, jobs }: JobsState): KnownJobs {
  return status === 'ready' ? new Set(jobs.map(({ name }) => name)) : null
}

/** Nothing executes it: its job was renamed or removed while it waited. */
export function isOrphan(
  { status, jobName }: Pick<ClientRun, 'status' | 'jobName'>,
  known: KnownJobs,
): boolean {
  return status === 'pending' && known !== null && !known.has(jobName)
}
