import type { ReactNode } from 'react'

/** A run that a worker had to claim more than once went on from its last finished step. */
export function ResumedBadge({ attempt }: { attempt: number }): ReactNode {
  if (attempt < 2) return null
  return (
    <span className="badge" title={`Attempt ${attempt}: this run went on from its last finished step.`}>
      resumed
    </span>
  )
}
