import type { RunStatus } from 'durably'

const WORDS: Record<RunStatus, string> = {
  pending: 'waits',
  leased: 'counting',
  completed: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
}

export function StatusBadge({ status }: { status: RunStatus }) {
  return <span className={`badge ${status}`}>{WORDS[status]}</span>
}
