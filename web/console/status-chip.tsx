import type { RunStatus } from 'durably'
import type { ReactNode } from 'react'

const WORDS: Record<RunStatus, string> = {
  pending: 'waiting',
  leased: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
}

export function StatusChip({ status }: { status: RunStatus }): ReactNode {
  return (
    <span className="chip" data-status={status}>
      {WORDS[status]}
    </span>
  )
}
