import type { ReactNode } from 'react'
import type { RunStatus } from '../../src'
import { Icon, type IconName } from '../shell/icons'

const WORDS: Record<RunStatus, { word: string; icon: IconName | null }> = {
  pending: { word: 'Pending', icon: 'clock' },
  leased: { word: 'Running', icon: null },
  completed: { word: 'Completed', icon: 'check' },
  failed: { word: 'Failed', icon: 'bang' },
  cancelled: { word: 'Cancelled', icon: 'cancel' },
}

export function statusWord(status: RunStatus): string {
  return WORDS[status].word
}

export function StatusChip({ status }: { status: RunStatus }): ReactNode {
  const { word, icon } = WORDS[status]
  return (
    <span className="chip" data-status={status}>
      {icon === null ? <span className="spinner" aria-hidden="true" /> : <Icon name={icon} />}
      {word}
    </span>
  )
}
