import type { ReactNode } from 'react'
import { WORDS } from '../words'
import type { StorageWork } from './use-storage-work'

export function StorageOutcome({ work: { isBusy, error, said } }: { work: StorageWork }): ReactNode {
  return (
    <p className="storage-outcome" data-kind={error === null ? 'done' : 'failed'} role="status">
      {isBusy ? WORDS.storage.busy : (error ?? said)}
    </p>
  )
}
