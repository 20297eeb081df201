import type { ReactNode } from 'react'
import type { RunStatus } from 'durably'
import { Icon, type IconName } from './icons'
import { WORDS } from '../words'

/** Null: it turns. */
const ICONS: Record<RunStatus, IconName | null> = {
  pending: 'clock',
  leased: null,
  completed: 'check',
  failed: 'bang',
  cancelled: 'cancel',
}

export function StatusChip({ status }: { status: RunStatus }): ReactNode {
  const icon = ICONS[status]
  return (
    <span className="chip" data-status={status}>
      {icon === null ? <span className="spinner" aria-hidden="true" /> : <Icon name={icon} />}
      {WORDS.status[status]}
    </span>
  )
}
