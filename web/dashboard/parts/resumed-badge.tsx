import type { ReactNode } from 'react'
import { WORDS } from '../words'

/** A run that a worker had to claim more than once went on from its last finished step. */
export function ResumedBadge({ attempt }: { attempt: number }): ReactNode {
  if (attempt < 2) return null
  return (
    <span className="badge" title={WORDS.run.resumedHint(attempt)}>
      {WORDS.run.resumed}
    </span>
  )
}
